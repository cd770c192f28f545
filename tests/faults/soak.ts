/**
 * Random faults against a model that knows what must have arrived:
 *
 *     deno task soak [--seed n] [--minutes n]
 *
 * Clients raise events without a pause, of both modes, through proxies that do
 * harm by chance, to servers that answer, restart or misbehave. Now and then
 * all is closed, and accounts are settled: what was confirmed and did not
 * arrive is lost; what arrived twice is duplicated; what arrived and was never
 * raised, or not whole, is corrupt. Beside that, in a thread of its own, a
 * million cases are drawn for each pure function. After that processes that raise
 * through an outbox are killed, as `tests/outbox/crash.ts` tells. A seed repeats
 * what is drawn, and not what the network makes of it.
 */

import { assert } from "@std/assert";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { freePort, send } from "../helpers/tcp.ts";
import { below, oneOf, type Random } from "./generators.ts";
import { type Arrived, type Conversation, Model, record } from "./model.ts";
import { type Plan, standBefore } from "./proxy.ts";

/** For each pure function. */
const CASES = 1_000_000;
/** How often a process that raises through an outbox is killed, for each window. */
const KILLS = 200;
const WINDOWS = [1, 16];
const MiB = 1024 * 1024;
/** How much more memory than after the first rounds may be in use. */
const MAX_GROWTH = 16 * MiB;

/** What is in use is known after it: the task asks the runtime for it. */
declare const gc: () => void;

await soak();

async function soak(): Promise<void> {
  const { seed = newSeed(), minutes = 2 } = options(Deno.args);
  console.log(`seed ${seed}, ${minutes} minutes`);
  let isDrawn = false;
  const drawn = drawAside(seed);
  drawn.then(() => isDrawn = true);
  const random = randomFrom(seed);
  const faults = new Map<string, number>();
  const outcomes = new Map<string, number>();
  const totals = { events: 0, arrived: 0, lost: 0, duplicated: 0, corrupt: 0 };
  const start = performance.now();
  const end = start + minutes * 60_000;
  let round = 0, base = Infinity, nextLine = 0;

  while (performance.now() < end || !isDrawn) {
    await runRound(`seed ${seed}, round ${round}`, random, {
      faults,
      outcomes,
      totals,
    });
    round++;
    if (performance.now() < nextLine) continue;
    nextLine = performance.now() + 10_000;
    gc();
    const { heapUsed, rss } = Deno.memoryUsage();
    const seconds = Math.round((performance.now() - start) / 1000);
    console.log(
      `${seconds} s: ${round} rounds, ${totals.events} events; in use ${
        inMiB(heapUsed)
      }, process ${inMiB(rss)}`,
    );
    if (round > 1) base = Math.min(base, heapUsed);
    assert(
      heapUsed < base + MAX_GROWTH,
      `seed ${seed}: memory grew from ${inMiB(base)} to ${inMiB(heapUsed)}`,
    );
  }
  const functions = await drawn;
  print("faults", faults);
  print("outcomes", outcomes);
  console.log(`cases: ${CASES} each of ${functions.join(", ")}`);
  console.log(Object.entries(totals).map((pair) => pair.join(" ")).join(", "));
  const { lost, duplicated, corrupt } = totals;
  if (lost + duplicated + corrupt > 0) Deno.exit(1);
  for (const window of WINDOWS) await kill(window, seed);
}

function options(args: string[]): { seed?: number; minutes?: number } {
  const given: Record<string, number> = {};
  for (let i = 0; i < args.length; i += 2) {
    const name = /^--(seed|minutes)$/.exec(args[i])?.[1];
    const number = Number(args[i + 1]);
    if (name === undefined || !(number >= 0)) {
      console.error("Usage: deno task soak [--seed n] [--minutes n]");
      Deno.exit(2);
    }
    given[name] = number;
  }
  return given;
}

/** Resolves to the names of the functions of which all cases agreed. */
function drawAside(seed: number): Promise<string[]> {
  const worker = new Worker(new URL("fuzz_worker.ts", import.meta.url), {
    type: "module",
  });
  const names: string[] = [];
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => {
      if (data === undefined) resolve(names);
      else names.push(data);
    };
    worker.onerror = ({ message }) => {
      console.error(message);
      Deno.exit(1);
    };
    worker.postMessage({ seed, cases: CASES });
  });
}

/**
 * Kills processes with an outbox. Not beside the rounds: servers that die leave
 * their ports to others, and so would get each other's events.
 */
async function kill(window: number, seed: number): Promise<void> {
  const path = new URL("../outbox/crash.ts", import.meta.url).href;
  const given = { kills: KILLS, window, seed };
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--allow-all", path],
      ...Object.entries(given).flatMap(([name, n]) => [`--${name}`, `${n}`]),
    ],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) Deno.exit(1);
}

function inMiB(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}

function print(title: string, counts: Map<string, number>): void {
  console.log(`${title}:`);
  for (const [name, count] of [...counts].sort()) {
    console.log(`  ${String(count).padStart(8)} ${name}`);
  }
}

interface Accounts {
  faults: Map<string, number>;
  outcomes: Map<string, number>;
  totals: Record<
    "events" | "arrived" | "lost" | "duplicated" | "corrupt",
    number
  >;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** What a proxy does to its next connection. */
function planOf(random: Random, faults: Map<string, number>): Plan {
  const direction = oneOf(random, ["there", "back"] as const);
  const after = below(random, oneOf(random, [100, 2000, 50_000]));
  const by = oneOf(random, ["FIN", "RST"] as const);
  const ms = oneOf(random, [1, 20, 100]);
  const pause = () => new Promise((resolve) => setTimeout(resolve, ms));
  const plans: [string, Plan][] = [
    ["none", {}],
    [`${by} ${direction}`, { cut: { direction, after, by } }],
    [`stall ${direction}`, { stall: { direction, after, until: pause } }],
    [`stall and ${by} ${direction}`, {
      cut: { direction, after, by, until: pause },
    }],
    ["pieces of 1 to 50 bytes", { pieceBytes: 1 + below(random, 50) }],
    ["delays", {
      pieceBytes: 500,
      delayMs: () => random() < 0.1 ? 1 + below(random, 5) : 0,
    }],
  ];
  const [name, plan] = oneOf(random, plans);
  count(faults, name);
  return plan;
}

/** What a server may do to a message in place of answering it. */
async function misbehave(
  random: Random,
  faults: Map<string, number>,
  conn: Deno.TcpConn,
  { id, params }: Arrived,
): Promise<boolean> {
  if (random() > 0.02) return false;
  const right = JSON.stringify({ id, result: params.n });
  const [name, text] = oneOf(random, [
    ["no reply", ""],
    ["an error", `{"id":${id},"error":{"code":1,"message":"no"}}`],
    ["a wrong reply", `{"id":${id}}`],
    ["a reply twice", right + right],
    ["a reply to another id", `{"id":-1,"result":0}`],
    ["a batch", `[${right},{"id":0,"result":0}]`],
    ["garbage", "]"],
    ["an error to nobody", `{"id":null,"error":{"code":1,"message":"?"}}`],
    ["half a reply and the end", undefined],
    ["the end", undefined],
  ]);
  count(faults, name);
  if (text !== undefined) await send(conn, text);
  else if (name !== "the end") await send(conn, right.slice(0, 9));
  if (text === undefined) await conn.closeWrite();
  return true;
}

/** Has clients raise for a while, and accounts for each event. */
async function runRound(
  name: string,
  random: Random,
  { faults, outcomes, totals }: Accounts,
): Promise<void> {
  const port = freePort();
  const conversations: Conversation[] = [];
  const start = () =>
    record({
      port,
      instead: (conn, message) => misbehave(random, faults, conn, message),
    });
  let server = start();
  await using proxy = await standBefore(port, () => planOf(random, faults));
  const models = Array.from(
    { length: 4 },
    (_, i) =>
      new Model(name, proxy.socket, {
        syncMode: i % 2 === 0,
        timeoutMs: oneOf(random, [30, 200, 1000]),
        maxQueueBytes: oneOf(random, [4096, 16 * MiB]),
      }, i * 1_000_000),
  );
  const raisers = models.map(async (model) => {
    for (let n = 50 + below(random, 300); n > 0; n--) {
      const abort = random() < 0.02 ? new AbortController() : undefined;
      const padding = "x".repeat(random() < 0.02 ? below(random, 10_000) : 0);
      const raising = model.raise({ signal: abort?.signal }, padding);
      if (abort !== undefined) {
        count(faults, "abort");
        setTimeout(() => abort.abort(), below(random, 5));
      }
      if (random() < 0.2) await raising;
      else if (random() < 0.1) await pauseFor(below(random, 4));
    }
  });
  for (let restarts = below(random, 4); restarts > 0; restarts--) {
    await pauseFor(below(random, 200));
    count(faults, "restart");
    await server[Symbol.asyncDispose]();
    conversations.push(...server.conversations);
    server = start();
  }
  await Promise.all(raisers);
  for (const model of models) await model.outcomes();
  for (const model of models) {
    await model.inTime(model.client.close(), "the client closes");
  }
  await models[0].inTime(server.idle(), "the server sees all closed");
  await models[0].inTime(proxy.idle(), "the proxy sees all closed");
  await server[Symbol.asyncDispose]();
  conversations.push(...server.conversations);

  const left = new Set(conversations);
  for (const model of models) {
    model.checkStats();
    const own = conversations.filter((c) => left.has(c) && model.owns(c));
    for (const conversation of own) left.delete(conversation);
    for (const { kind, what } of model.audit(own, true)) {
      totals[kind]++;
      console.error(`${name}: ${kind}: ${what}`);
    }
    for (const { outcome } of model.raised) count(outcomes, outcome!);
    totals.events += model.raised.length;
  }
  for (const { texts, rest } of left) {
    if (texts.length === 0 && rest === "") continue; // cut before its first byte
    totals.corrupt++;
    console.error(`${name}: corrupt: ${texts[0] ?? rest} is nobody's`);
  }
  totals.arrived += conversations.flatMap(({ texts }) => texts).length;
}

function pauseFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
