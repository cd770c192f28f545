// Servers that go down, or answer what no server should.

import { assert, assertEquals } from "@std/assert";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { freePort, send } from "../helpers/tcp.ts";
import {
  answerTo,
  type Arrived,
  type Conversation,
  memoryOf,
  Model,
  record,
  type Recorder,
} from "./model.ts";

const MiB = 1024 * 1024;
/** What garbage, floods and giants may cost for a while, however large. */
const MAX_GROWTH = 192 * MiB;
const MANY = 100_000;

const seed = newSeed();

/** Sends `bytes` so many times, and then, if the peer is still there, a text. */
async function flood(
  conn: Deno.TcpConn,
  bytes: Uint8Array | string,
  times: number,
  then = "",
): Promise<void> {
  const piece = typeof bytes === "string"
    ? new TextEncoder().encode(bytes)
    : bytes;
  for (let n = 0; n < times; n++) {
    for (let rest = piece; rest.length > 0;) {
      rest = rest.subarray(await conn.write(rest));
    }
  }
  await send(conn, then);
}

/** Bytes by chance, but for the first: a digit there would be a reply. */
function garbage(): Uint8Array {
  const random = randomFrom(seed);
  const bytes = Uint8Array.from({ length: 3 * MiB }, () => random() * 256);
  bytes[0] |= 0x80;
  return bytes;
}

const CONFIRMED = "delivered";
const WRONG = "ProtocolError, may have arrived";
const REFUSED = "ServerError, may have arrived";
const CLOSED = "ConnectionClosedError, may have arrived";

/** What a server sends in place of, or before, the answer to a request. */
const ANSWERS: {
  name: string;
  answer: (conn: Deno.TcpConn, message: Arrived, right: string) => unknown;
  outcome: string;
  /** How many replies the client has to ignore. */
  unmatched?: number;
  /** Whether it has to close the connection. */
  closes?: boolean;
}[] = [
  {
    name: "garbage",
    answer: (conn) => flood(conn, garbage(), 1),
    outcome: WRONG,
  },
  {
    name: "HTTP",
    answer: (conn) => send(conn, "HTTP/1.1 400 Bad Request\r\n\r\n"),
    outcome: WRONG,
  },
  {
    name: "a byte that is 0",
    answer: (conn, _, right) => send(conn, "\0" + right),
    outcome: WRONG,
  },
  {
    name: "text that is not UTF-8",
    answer: (conn) =>
      flood(conn, Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 1),
    outcome: WRONG,
  },
  {
    name: "a text of 100 MiB",
    answer: (conn, { id }) =>
      send(conn, `{"id":${id},"result":"`)
        .then(() => flood(conn, "x".repeat(MiB), 100)),
    outcome: WRONG,
  },
  {
    name: "a number of 10 MiB",
    answer: (conn) => flood(conn, "9".repeat(MiB), 10),
    outcome: WRONG,
  },
  {
    name: "a reply with 10 MiB of white space in it",
    answer: (conn, { id }) =>
      send(conn, `{"id":${id},`)
        .then(() => flood(conn, " ".repeat(MiB), 10, `"result":0}`)),
    outcome: WRONG,
  },
  {
    name: "a gigabyte of white space",
    answer: (conn, _, right) =>
      flood(conn, " \r\n\t".repeat(MiB / 4), 1024, right),
    outcome: CONFIRMED,
  },
  {
    name: "100,000 open brackets",
    answer: (conn) => flood(conn, "[".repeat(MANY), 1),
    outcome: WRONG,
  },
  {
    name: "100,000 open braces",
    answer: (conn) => flood(conn, '{"a":'.repeat(MANY), 1),
    outcome: WRONG,
  },
  {
    name: "100,000 brackets opened and closed",
    answer: (conn, _, right) => flood(conn, "[]".repeat(MANY), 1, right),
    outcome: CONFIRMED,
    unmatched: MANY,
  },
  {
    name: "the same reply 100,000 times",
    answer: (conn, _, right) => flood(conn, right.repeat(MANY), 1),
    outcome: CONFIRMED,
    unmatched: MANY - 1,
  },
  {
    name: "a batch of the same reply 1,000 times",
    answer: (conn, _, right) =>
      send(conn, `[${Array(1000).fill(right).join(",")}]`),
    outcome: CONFIRMED,
    unmatched: 999,
  },
  {
    name: "100,000 replies to ids never sent",
    answer: (conn, { id }, right) =>
      flood(
        conn,
        Array.from({ length: MANY }, (_, n) => n + 1)
          .filter((n) => n !== id)
          .map((n) => `{"id":${n},"result":${n}}`).join(""),
        1,
        right,
      ),
    outcome: CONFIRMED,
    unmatched: MANY,
  },
  ...[
    ...['"x"', "0", "-1", "-0", "1e400", "99999999999999999999", "4294967296"],
    ...["null", "true", "[]", "{}", '""', "0.5", "1e-400"],
  ].map((id) => ({
    name: `a reply to the id ${id}`,
    answer: (conn: Deno.TcpConn, _: Arrived, right: string) =>
      send(conn, `{"jsonrpc":"2.0","result":1,"id":${id}}${right}`),
    outcome: CONFIRMED,
    unmatched: 1,
  })),
  {
    name: "ids that are nearly right",
    answer: (conn, { id }, right) =>
      send(
        conn,
        [`"${id}x"`, `-${id}`, `${id}.5`, `${id}e9`, `[${id}]`, `{"id":${id}}`]
          .map((id) => `{"jsonrpc":"2.0","result":1,"id":${id}}`).join("") +
          right,
      ),
    outcome: CONFIRMED,
    unmatched: 6,
  },
  {
    name: "the request itself",
    answer: (conn, message, right) =>
      send(conn, JSON.stringify(message) + right),
    outcome: CONFIRMED,
    unmatched: 1,
  },
  {
    name: "an error that is to nobody",
    answer: (conn) => send(conn, `{"id":null,"error":{"code":-32700}}`),
    outcome: CLOSED,
    closes: true,
  },
  {
    name: "an error that is none",
    answer: (conn, { id }) =>
      send(conn, `{"id":${id},"error":{"code":"x","message":[]}}`),
    outcome: REFUSED,
  },
  {
    name: "neither a result nor an error",
    answer: (conn, { id }) => send(conn, `{"id":${id}}`),
    outcome: WRONG,
    closes: false,
  },
  {
    name: "half a reply, and the end",
    answer: (conn, _, right) =>
      send(conn, right.slice(0, 20)).then(() => conn.closeWrite()),
    outcome: CLOSED,
  },
  {
    name: "nothing, and the end",
    answer: (conn) => conn.closeWrite(),
    outcome: CLOSED,
  },
];

for (const row of ANSWERS) {
  const { name, answer, outcome, unmatched = 0 } = row;
  const { closes = outcome === WRONG } = row;
  // Unless it is us who close, since nobody can trust what comes.
  const isEndedByServer = outcome === CLOSED && !closes;
  for (const syncMode of [true, false]) {
    const to = syncMode ? "a request" : "a notification";
    Deno.test(`EventClient survives ${name} in answer to ${to}`, async () => {
      let isFirst = true;
      const answered = Promise.withResolvers<void>();
      await using server = record({
        async instead(conn, message) {
          if (!isFirst) return false;
          isFirst = false;
          // To a notification it is sent with an id that nobody waits for.
          const { params } = message, id = message.id ?? 12345;
          const right = answerTo({ id, params });
          try {
            await answer(conn, { ...message, id }, right);
          } finally {
            answered.resolve();
          }
          return true;
        },
      });
      const model = new Model(`${name}, seed ${seed}`, server.socket, {
        syncMode,
      });
      const grown = await memoryOf(async () => {
        const settled = await model.inTime(model.raise(), "it settles");
        assertEquals(settled, syncMode ? outcome : "delivered");
        await model.inTime(answered.promise, "all is answered");
        if (isEndedByServer) await model.disconnected();
        await model.nextWorks(server);
      });
      await model.check(server);
      assert(grown < MAX_GROWTH, `memory grew by ${grown} bytes`);
      assertEquals(model.client.stats.unmatched, syncMode ? unmatched : 0);
      // What nobody can trust is closed. Answers to notifications are thrown
      // away, whatever they are.
      const isClosed = isEndedByServer || closes && syncMode;
      assertEquals(server.accepted, isClosed ? 2 : 1);
    });
  }
}

// Servers that go down.

for (const syncMode of [true, false]) {
  const mode = syncMode ? "requests" : "notifications";
  Deno.test(`EventClient survives a server that accepts and closes, with ${mode}`, async () => {
    const port = freePort();
    const COUNT = 500;
    const model = new Model("accepts and closes", `jsonrpc:127.0.0.1:${port}`, {
      syncMode,
    });
    let accepted = 0;
    const listener = Deno.listen({ hostname: "127.0.0.1", port });
    const accepting = (async () => {
      for await (const conn of listener) {
        accepted++;
        conn.close();
      }
    })();
    for (let n = 0; n < COUNT; n++) {
      model.raise();
      if (n % 3 === 0) await model.outcomes();
    }
    const outcomes = new Set(await model.outcomes());
    if (!syncMode) outcomes.delete("delivered"); // to the operating system
    outcomes.delete(CLOSED);
    assertEquals([...outcomes], []);
    assert(accepted <= COUNT, `${accepted} connections for ${COUNT} events`);
    await model.disconnected();
    listener.close();
    await accepting;
    await using server = record({ port });
    await model.nextWorks(server);
    await model.check(server);
  });
}

Deno.test("EventClient survives 100 restarts of the server under load", async () => {
  const RESTARTS = 100, RAISERS = 8;
  const port = freePort();
  const model = new Model("restarts", `jsonrpc:127.0.0.1:${port}`, {
    syncMode: true,
  });
  const conversations: Conversation[] = [];
  let isOver = false, confirmed = 0;
  const waiting: (() => void)[] = [];

  async function raiseAll(): Promise<void> {
    while (!isOver) {
      const outcome = await model.raise();
      if (outcome === "delivered") {
        confirmed++;
        for (const tell of waiting.splice(0)) tell();
      } else { // so that the next one has a chance to find the server
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }
  const raisers = Array.from({ length: RAISERS }, raiseAll);

  async function live(server: Recorder): Promise<void> {
    for (const enough = confirmed + 2 * RAISERS; confirmed < enough;) {
      await model.inTime(
        new Promise<void>((tell) => waiting.push(tell)),
        "the server that came back is found",
      );
    }
    conversations.push(...server.conversations);
  }
  const grown = await memoryOf(async () => {
    for (let n = 0; n < RESTARTS; n++) {
      await using server = record({ port });
      await live(server);
    }
  });
  isOver = true;
  await model.inTime(Promise.all(raisers), "all raisers end");
  await model.disconnected();
  await using server = record({ port });
  await model.nextWorks(server);
  conversations.push(...server.conversations);
  await model.check({ conversations, idle: server.idle }, { mayBeCut: true });
  assert(grown < MAX_GROWTH, `memory grew by ${grown} bytes`);
  const allowed = [
    "delivered",
    CLOSED,
    "ConnectError",
    "ConnectionClosedError",
  ];
  assertEquals(
    [...new Set(await model.outcomes())].filter((o) => !allowed.includes(o)),
    [],
  );
  assert(model.client.stats.connects > RESTARTS);
});
