// Many processes, many connections, and no more file descriptors.

import { assert, assertEquals } from "@std/assert";
import { type EventServer, serveEvents } from "../../mod.ts";
import { send, TextReader } from "../helpers/tcp.ts";
import { memoryOf, record } from "./model.ts";

const script = (name: string) => new URL(name, import.meta.url).href;

/** Lines of JSON that a process prints. */
async function* linesOf(
  { stdout }: Deno.ChildProcess,
): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stdout) {
    text += decoder.decode(bytes, { stream: true });
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}

Deno.test("EventClient and serveEvents() survive that file descriptors are exhausted", async () => {
  await using server = record();
  const process = new Deno.Command("sh", {
    args: [
      "-c",
      `ulimit -n 64; exec "$0" run --allow-net --allow-read "$1" "$2"`,
      Deno.execPath(),
      script("exhaust.ts"),
      server.socket,
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const said: Record<string, unknown> = {};
  let conn: Deno.TcpConn | undefined;
  for await (const line of linesOf(process)) {
    const [what, value] = line as [string, unknown];
    said[what] = value;
    if (what !== "exhausted") continue;
    // It cannot accept this one yet. Later it must, without being told.
    conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(value) });
    await send(conn, `{"id":1,"jsonrpc":"2.0","method":"m"}`);
  }
  const { code } = await process.status;
  const reply = await new TextReader(conn!).message();
  conn!.close();
  assertEquals(code, 0);
  assertEquals(reply.result, true);
  const { exhausted: _, "cannot accept": why, ...outcomes } = said;
  assert(/Too many open files|os error 24/.test(`${why}`), `${why}`);
  assertEquals(outcomes, {
    "connected before": "delivered",
    "connected meanwhile": "delivered",
    "late meanwhile": "ConnectError",
    "late after": "delivered",
    "connected after": "delivered",
    "served after": true,
  });
});

Deno.test("serveEvents() serves 24 processes that raise at the same time", async () => {
  const PROCESSES = 24, EVENTS = 1000;
  const arrived = new Map<number, number>();
  await using server = serveEvents({ port: 0 }, ({ params }) => {
    const { n } = params as { n: number };
    arrived.set(n, (arrived.get(n) ?? 0) + 1);
    return n;
  });
  await Promise.all(
    Array.from({ length: PROCESSES }, async (_, i) => {
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--allow-net",
          script("raiser.ts"),
          server.socket,
          `${EVENTS}`,
          `${i * (EVENTS + 1)}`,
        ],
        stdin: "null",
        stdout: "piped",
      }).output();
      const { outcomes, next, stats } = JSON.parse(
        new TextDecoder().decode(stdout),
      );
      assertEquals(code, 0);
      assertEquals(outcomes, Array(EVENTS).fill("delivered"));
      assertEquals(next, "delivered");
      assertEquals([stats.raised, stats.confirmed, stats.connects], [
        EVENTS + 1,
        EVENTS + 1,
        1,
      ]);
    }),
  );
  assertEquals(arrived.size, PROCESSES * (EVENTS + 1));
  assert([...arrived.values()].every((times) => times === 1));
});

/** How many file descriptors there may be, once Deno has asked for all. */
const maxFiles = Number(
  new TextDecoder().decode(
    new Deno.Command("sh", { args: ["-c", "ulimit -Hn"] }).outputSync().stdout,
  ).trim().replace("unlimited", "Infinity"),
);

/** What one who sends a request is told, or that it was cut off. */
async function ask({ addr }: EventServer): Promise<string> {
  const conn = await Deno.connect({
    hostname: addr.hostname,
    port: addr.port,
  });
  try {
    await send(conn, `{"id":7,"jsonrpc":"2.0","method":"m","params":{"n":8}}`);
    const { result, error } = await new TextReader(conn).message();
    return result === 8 ? "served" : error.message;
  } finally {
    conn.close();
  }
}

const CROWD = 10_000;
const CROWDS = [
  { limit: CROWD, served: CROWD / 2, refused: 0 },
  { limit: 1000, served: undefined, refused: undefined },
];

for (const { limit, served, refused } of CROWDS) {
  Deno.test({
    name:
      `serveEvents() holds its limit of ${limit} against 10,000 connections, half of them silent`,
    ignore: maxFiles < CROWD + 100,
    async fn() {
      await using server = serveEvents(
        { port: 0, maxConnections: limit },
        ({ params }) => (params as { n: number }).n,
      );
      const process = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--allow-net",
          script("crowd.ts"),
          `${server.addr.port}`,
          `${CROWD}`,
        ],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const lines = linesOf(process);
      const grown = await memoryOf(async () => {
        const { value } = await lines.next();
        const crowd = value as Record<string, number>;
        assertEquals(crowd.silent, CROWD / 2);
        assertEquals(crowd.served + crowd.refused, CROWD / 2);
        if (served !== undefined) assertEquals(crowd.served, served);
        if (refused !== undefined) assertEquals(crowd.refused, refused);
        assert(crowd.served <= limit, `${crowd.served} were served`);
        assert(crowd.served > 0);
      });
      console.log(`${Math.round(grown / 2 ** 20)} MiB more`);
      // One more is one too many, until they have gone.
      assertEquals(await ask(server), "Too many connections");
      await process.stdin.close();
      await lines.next();
      await process.status;
      while (await ask(server).catch(() => "cut off") !== "served");
    },
  });
}
