// Two destinations, one of them dead: the other must not notice.

import { assert, assertEquals } from "@std/assert";
import {
  type Connect,
  connectDeno,
  type DeliveryReport,
  DeliveryTimeoutError,
  EventInterface,
} from "../../mod.ts";
import { freePort, gate, serve } from "../helpers/tcp.ts";
import { PATIENT_MS, record } from "./model.ts";

const EVENTS = 300;

/** A destination that is dead, until it is let go. */
interface Dead extends AsyncDisposable {
  socket: string;
  connect?: Connect;
}

function deadServer(
  script: (conn: Deno.TcpConn, end: Promise<void>) => Promise<unknown>,
): Dead {
  const end = gate();
  const server = serve(async (conn) => {
    await script(conn, end.opened);
  });
  return {
    socket: server.socket,
    async [Symbol.asyncDispose]() {
      end.open();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function drain(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65536);
  while (await conn.read(buffer) !== null);
}

const DEAD: {
  name: string;
  /** Whether its events fail at once; else they wait until it is let go. */
  failsAtOnce?: boolean;
  start: () => Dead;
}[] = [
  {
    name: "refuses connections",
    failsAtOnce: true,
    start: () => ({
      socket: `jsonrpc:127.0.0.1:${freePort()}`,
      async [Symbol.asyncDispose]() {},
    }),
  },
  {
    name: "never completes a connection",
    start() {
      const { promise, reject } = Promise.withResolvers<never>();
      promise.catch(() => {});
      const port = freePort();
      return {
        socket: `jsonrpc:127.0.0.1:${port}`,
        connect: (host, to, options) =>
          to === port ? promise : connectDeno(host, to, options),
        async [Symbol.asyncDispose]() {
          await reject(new Error("let go"));
        },
      };
    },
  },
  {
    name: "accepts and does not read",
    start: () => deadServer((_, end) => end),
  },
  {
    name: "reads and does not answer",
    start: () => deadServer((conn) => drain(conn)),
  },
  {
    name: "accepts and closes",
    failsAtOnce: true,
    start: () => deadServer((conn) => conn.closeWrite()),
  },
  {
    name: "sends white space without end",
    start: () =>
      deadServer(async (conn, end) => {
        const bytes = new Uint8Array(65536).fill(0x20);
        let isOver = false;
        end.then(() => isOver = true);
        const draining = drain(conn).catch(() => {});
        while (!isOver) {
          await conn.write(bytes);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        await draining;
      }),
  },
];

/** The middle of the times, and one that 99 % are below, in milliseconds. */
function shown(times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) =>
    sorted[Math.floor(part * sorted.length)].toFixed(2);
  return `p50 ${at(0.5)} p99 ${at(0.99)} ms`;
}

for (const { name, failsAtOnce = false, start } of DEAD) {
  for (const syncMode of [true, false]) {
    const mode = syncMode ? "requests" : "notifications";
    Deno.test(`EventInterface keeps a destination that ${name} from another, with ${mode}`, async () => {
      await using server = record();
      await using dead = start();
      const options = {
        syncMode,
        timeoutMs: PATIENT_MS,
        connect: dead.connect,
      };
      let n = 0;
      const raisings: Promise<readonly DeliveryReport[]>[] = [];
      let reported = 0;
      /** Raises events, one after the other; how long each took to arrive. */
      async function measure(events: EventInterface): Promise<number[]> {
        const times: number[] = [];
        for (let i = 0; i < EVENTS; i++, n++) {
          const start = performance.now();
          const raising = events.raise("E_X", { n });
          raisings.push(raising);
          raising.then(() => reported++);
          await server.arrival(n);
          times.push(performance.now() - start);
        }
        return times;
      }

      const one = new EventInterface(options);
      one.subscribe("E_X", server.socket);
      const alone = await measure(one);
      await one.close();
      await Promise.all(raisings.splice(0));
      reported = 0;
      const both = new EventInterface(options);
      // The dead one comes first, whatever is under way there.
      both.subscribe("E_X", dead.socket);
      const first = both.raise("E_X", { n: -1 });
      await new Promise((resolve) => setTimeout(resolve, 0));
      both.subscribe("E_X", server.socket);
      const together = await measure(both);
      console.log(`alone ${shown(alone)}; beside it ${shown(together)}`);

      // Each arrived at the one, while the other had not settled any. What the
      // operating system has taken counts as delivered without sync mode.
      const waits = !failsAtOnce && (syncMode || dead.connect !== undefined);
      if (waits) assertEquals(reported, 0);
      await dead[Symbol.asyncDispose]();
      const reports = await Promise.all(raisings);
      await first;
      await both.close();
      for (const report of reports) {
        const good = report.find(({ socket }) => socket === server.socket)!;
        const bad = report.find(({ socket }) => socket === dead.socket)!;
        assert(good.outcome !== "failed");
        if (syncMode) assertEquals(bad.outcome, "failed");
        // It failed by what is wrong with it, and not in the end by time.
        assert(!(bad.error instanceof DeliveryTimeoutError));
        assertEquals(report.length, 2);
      }
      await server.idle();
      assertEquals(server.accepted, 2);
      assertEquals(
        server.conversations.flatMap(({ texts }) => texts).map((text) =>
          JSON.parse(text).params.n
        ),
        Array.from({ length: 2 * EVENTS }, (_, n) => n),
      );
    });
  }
}
