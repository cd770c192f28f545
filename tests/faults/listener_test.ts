// The receiving end, before peers that are cut off, slow, deaf or hostile.

import { assert, assertEquals } from "@std/assert";
import { type EventServer, serveEvents } from "../../mod.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { gate, send, TextReader } from "../helpers/tcp.ts";
import { inGroups, memoryOf } from "./model.ts";
import { type CutBy, type Direction, standBefore } from "./proxy.ts";

const MiB = 1024 * 1024;
const MAX_GROWTH = 192 * MiB;
const CONCURRENT = 24;
const seed = newSeed();

const TEXT = `}{"\\é漢😀`;
const request = (n: number) =>
  JSON.stringify({
    id: n,
    jsonrpc: "2.0",
    method: "m",
    params: { n, text: TEXT },
  });
const answer = (n: number) =>
  JSON.stringify({ id: n, jsonrpc: "2.0", result: n });
const byteLength = (text: string) => new TextEncoder().encode(text).length;

/** A server that answers with `n`, and what its handler got. */
function listen(options = {}): EventServer & { got: unknown[] } {
  const got: unknown[] = [];
  const server = serveEvents(
    { port: 0, onError: (error) => got.push(error), ...options },
    ({ params }) => {
      got.push(params);
      return (params as { n: number }).n;
    },
  );
  return Object.assign(server, { got });
}

const connect = (port: number) => Deno.connect({ hostname: "127.0.0.1", port });

/** Whether the server serves an honest peer. */
async function nextWorks({ addr }: EventServer): Promise<void> {
  const conn = await connect(addr.port);
  try {
    await send(conn, request(7));
    assertEquals(await new TextReader(conn).next(), answer(7), `seed ${seed}`);
  } finally {
    conn.close();
  }
}

// Cuts.

const REQUESTS = [1, 2, 3];
const LENGTH = {
  there: REQUESTS.length * byteLength(request(1)),
  back: REQUESTS.length * byteLength(answer(1)),
};

for (const direction of ["there", "back"] as const) {
  for (const by of ["FIN", "RST"] as const) {
    Deno.test(`serveEvents() survives a ${by} after each byte ${direction}`, async () => {
      // A connection that is not let go has the last ones refused.
      await using server = listen({ maxConnections: 2 * CONCURRENT });
      const offsets = Array.from(
        { length: LENGTH[direction] + 1 },
        (_, n) => n,
      );
      await inGroups(
        offsets,
        CONCURRENT,
        (after) => cutAfter(server.addr.port, after, direction, by),
      );
      await nextWorks(server);
      // Nothing but what was sent, and each whole.
      for (const params of server.got) {
        const { n } = params as { n: number };
        assertEquals(params, { n, text: TEXT });
      }
      if (direction === "there" && by === "FIN") {
        const whole = offsets.map((after) =>
          Math.floor(REQUESTS.length * after / LENGTH.there)
        ).reduce((a, b) => a + b);
        assertEquals(server.got.length, whole + 1);
      }
    });
  }
}

async function cutAfter(
  port: number,
  after: number,
  direction: Direction,
  by: CutBy,
): Promise<void> {
  const isCut = gate();
  await using proxy = await standBefore(port, () => ({
    cut: { direction, after, by, until: () => isCut.open() },
  }));
  const conn = await connect(proxy.port);
  const reader = new TextReader(conn);
  const answers: string[] = [];
  try {
    await send(conn, REQUESTS.map(request).join(""));
    await isCut.opened;
    answers.push(...await reader.all());
  } catch { /* it was reset */ }
  conn.close();
  for (const [n, text] of answers.entries()) assertEquals(text, answer(n + 1));
  if (direction === "back" && by === "FIN") {
    assertEquals(
      answers.length,
      Math.floor(REQUESTS.length * after / LENGTH.back),
    );
  }
  await proxy.idle();
}

// Peers.

const tooLarge = (limit: number) =>
  `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":"Cannot read JSON: a text is larger than ${limit} bytes"}}`;
const refused = (reason: string) =>
  `{"id":null,"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"${reason}"}}`;
const tooDeep =
  `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":"Cannot read JSON: a text is nested deeper than 1000 levels"}}`;

/** A request of so many bytes. */
function requestOf(bytes: number): string {
  const text = `{"id":1,"jsonrpc":"2.0","method":"m","params":{"n":1,"x":""}}`;
  return text.replace('""', `"${"x".repeat(bytes - text.length)}"`);
}

const PEERS: {
  name: string;
  /** Sent so many times. */
  text: string | Uint8Array;
  times?: number;
  options?: { maxMessageBytes?: number };
  /** What is answered; absent, only that it is an error. */
  answers?: string[];
  /** Whether the connection goes on. */
  goesOn: boolean;
}[] = [
  {
    name: "a message of the largest size",
    text: requestOf(MiB),
    answers: [answer(1)],
    goesOn: true,
  },
  {
    name: "a message that is a byte larger",
    text: requestOf(MiB + 1),
    answers: [tooLarge(MiB)],
    goesOn: false,
  },
  {
    name: "a message as large as a limit of its own",
    text: requestOf(100),
    options: { maxMessageBytes: 100 },
    answers: [answer(1)],
    goesOn: true,
  },
  {
    name: "a message a byte larger than that",
    text: requestOf(101),
    options: { maxMessageBytes: 100 },
    answers: [tooLarge(100)],
    goesOn: false,
  },
  {
    name: "a message without end",
    text: `{"a":"` + "x".repeat(MiB),
    times: 100,
    answers: [tooLarge(MiB)],
    goesOn: false,
  },
  {
    name: "a batch of 100,000",
    text: `[${Array(100_000).fill(1).join(",")}]`,
    answers: [refused("the batch has more than 1000 members")],
    goesOn: true,
  },
  {
    name: "a batch of 100,000 requests",
    text: `[${Array(100_000).fill(request(1)).join(",")}]`,
    answers: [tooLarge(MiB)],
    goesOn: false,
  },
  {
    name: "a batch of 1,000 that is wrong throughout",
    text: `[${Array(1000).fill(1).join(",")}]`,
    answers: [
      `[${Array(1000).fill(refused("it is not an object")).join(",")}]`,
    ],
    goesOn: true,
  },
  {
    name: "100,000 open brackets",
    text: "[".repeat(100_000),
    answers: [tooDeep],
    goesOn: false,
  },
  {
    name: "256 MiB of white space",
    text: " \r\n\t".repeat(MiB / 4),
    times: 256,
    answers: [],
    goesOn: true,
  },
  {
    name: "garbage",
    text: Uint8Array.from({ length: 3 * MiB }, randomBytes()),
    goesOn: false,
  },
  {
    name: "HTTP",
    text: "POST / HTTP/1.1\r\nHost: x\r\n\r\n{}",
    goesOn: false,
  },
];

function randomBytes(): () => number {
  const random = randomFrom(seed);
  return () => random() * 256;
}

for (const { name, text, times = 1, options, answers, goesOn } of PEERS) {
  Deno.test(`serveEvents() survives ${name}`, async () => {
    await using server = listen(options);
    const conn = await connect(server.addr.port);
    const piece = typeof text === "string"
      ? new TextEncoder().encode(text)
      : text;
    const grown = await memoryOf(async () => {
      const sending = (async () => {
        for (let n = 0; n < times; n++) {
          for (let rest = piece; rest.length > 0;) {
            rest = rest.subarray(await conn.write(rest));
          }
        }
        if (goesOn) await send(conn, requestOf(100));
        await conn.closeWrite();
      })().catch(() => {}); // it was closed before all was sent
      const said: string[] = [];
      try {
        // Those with a batch are no objects, and come as they are.
        const bytes = await new Response(conn.readable).text();
        said.push(bytes);
      } catch { /* reset, as there was more to come; what it said is lost */ }
      await sending;
      const last = goesOn ? [answer(1)] : [];
      if (said.length > 0 && answers !== undefined) {
        assertEquals(said[0], [...answers, ...last].join(""));
      } else if (said.length > 0) {
        // A digit among it is a text, and no request: there may be more answers.
        assert(said[0].includes('"code":-32700'), `seed ${seed}: ${said[0]}`);
      }
      assert(said.length > 0 || !goesOn);
      await nextWorks(server);
    });
    assert(grown < MAX_GROWTH, `memory grew by ${grown} bytes`);
  });
}

Deno.test("serveEvents() serves those who send a byte at a time, and those between", async () => {
  await using server = listen();
  await using proxy = await standBefore(server.addr.port, () => ({
    pieceBytes: 1,
  }));
  await Promise.all(Array.from({ length: 50 }, async (_, n) => {
    const conn = await connect(n % 2 ? server.addr.port : proxy.port);
    const reader = new TextReader(conn);
    for (let i = 0; i < 5; i++) {
      await send(conn, request(10 * n + i));
      assertEquals(await reader.next(), answer(10 * n + i));
    }
    conn.close();
  }));
  assertEquals(server.got.length, 250);
});

Deno.test("serveEvents() waits for a peer that does not read, and for nobody else", async () => {
  const ASKED = 8192, LARGE = "x".repeat(64 * 1024); // 512 MiB in all
  let large = 0;
  await using server = serveEvents({ port: 0 }, {
    large: () => {
      large++;
      return LARGE;
    },
    m: ({ params }) => (params as { n: number }).n,
  });
  const deaf = await connect(server.addr.port);
  const grown = await memoryOf(async () => {
    const text = `{"id":1,"jsonrpc":"2.0","method":"large"}`;
    await send(deaf, text.repeat(ASKED)); // the operating system holds these
    let seen = -1;
    while (seen !== large) { // until it gets no further
      seen = large;
      for (let n = 0; n < 100; n++) await nextWorks(server);
    }
    assert(
      large > 0 && large < ASKED / 4,
      `${large} of ${ASKED} were answered`,
    );
  });
  assert(grown < MAX_GROWTH, `memory grew by ${grown} bytes`);
  deaf.close();
  await nextWorks(server);
});

Deno.test("serveEvents() lets go of peers that leave in the middle of anything", async () => {
  await using server = listen({ maxConnections: 2 });
  const texts = [
    "",
    "{",
    request(1) + request(2),
    `{"id":1,"jsonrpc":"2.0","method":"m"}{"id`,
    `[1,`,
    "\xff",
  ];
  for (let n = 0; n < 60; n++) {
    const conn = await connect(server.addr.port);
    await send(conn, texts[n % texts.length]).catch(() => {});
    conn.close();
    // There is room again: at once, or when the end of the last was seen.
    for (;;) {
      try {
        await nextWorks(server);
        break;
      } catch { /* there were too many connections, for a moment */ }
    }
  }
});
