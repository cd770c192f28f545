// Kills raisers, deliverers and the NATS server that they share, again and again,
// and counts what was lost.
//
//     deno run --allow-all tests/outbox/many.ts --rounds 100 [--window 1] [--seed n]

import { assert } from "@std/assert";
import { findNatsServer, NatsServer } from "../helpers/nats.ts";
import { randomFrom } from "../helpers/random.ts";
import { MadServer } from "./mad_server.ts";
import { CLIENTS, openJetStream } from "./nats_clients.ts";
import { Program } from "./process.ts";

/** How many raisers there are, and deliverers. */
const EACH = 3;
/** The numbers of one raiser, and of one run of it. */
const RAISER = 1e9, RUN = 1e5;

/** What was counted. */
export interface Account {
  acknowledged: number;
  /** Deliveries that were confirmed, though the event had been before. */
  doubles: number;
  serverKills: number;
  seconds: number;
}

/** Processes of one role, of which each is started again when it was killed. */
class Crew implements AsyncDisposable {
  readonly #start: (index: number, run: number) => Program;
  readonly #programs: Program[] = [];
  readonly #past: Program[] = [];
  #runs = 0;

  constructor(start: (index: number, run: number) => Program) {
    this.#start = start;
    for (let index = 0; index < EACH; index++) {
      this.#programs.push(start(index, 0));
    }
  }

  /** What those that run have printed. */
  get running(): readonly Program[] {
    return this.#programs;
  }

  /** All lines that were printed. */
  lines(): string[] {
    return [...this.#past, ...this.#programs].flatMap(({ lines }) => lines);
  }

  async killAndStart(index: number): Promise<void> {
    await this.#programs[index].kill();
    this.#past.push(this.#programs[index]);
    this.#programs[index] = this.#start(index, ++this.#runs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
  }
}

/** Runs it; throws when the accounts are wrong. */
export async function many(
  command: string,
  rounds: number,
  window: number,
  seed: number,
): Promise<Account> {
  const begin = performance.now();
  const random = randomFrom(seed);
  const below = (end: number) => Math.floor(random() * end);
  await using nats = await NatsServer.start(command);
  await using one = new MadServer(below);
  await using two = new MadServer(below);
  const targets = [one, two];
  const natsPort = String(nats.port);
  const ports = targets.map(({ port }) => String(port));
  await using deliverers = new Crew(() =>
    new Program("node.ts", ["deliver", natsPort, String(window)])
  );
  await using raisers = new Crew((index, run) => {
    const first = String(index * RAISER + run * RUN);
    return new Program("node.ts", ["raise", natsPort, first, ...ports]);
  });
  const progress = () =>
    Promise.all(raisers.running.map((raiser) => {
      const enough = acknowledged(raiser.lines).length + 1 + below(20);
      return raiser.until((lines) => acknowledged(lines).length >= enough);
    }));
  await progress();
  for (let round = 0; round < rounds; round++) {
    await Promise.all([
      raisers.killAndStart(round % EACH),
      deliverers.killAndStart(below(EACH)),
    ]);
    await progress();
    await nats.kill();
    await nats.restart();
    await progress();
  }
  await raisers[Symbol.asyncDispose]();
  for (const target of targets) target.isMad = false;
  await drained(nats.port);
  await deliverers[Symbol.asyncDispose]();
  return {
    ...settle(targets, raisers.lines(), deliverers.lines(), window),
    serverKills: rounds,
    seconds: (performance.now() - begin) / 1000,
  };
}

/** Resolves when nothing waits any more. */
async function drained(port: number): Promise<void> {
  const [client] = Object.keys(CLIENTS) as (keyof typeof CLIENTS)[];
  await using store = await openJetStream(client, port, {});
  while ((await store.stats()).some(({ kept }) => kept > 0)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function acknowledged(lines: readonly string[]): number[] {
  return lines.flatMap((line) =>
    line.startsWith("ack ") ? Number(line.slice(4)) : []
  );
}

function settle(
  targets: readonly MadServer[],
  raised: readonly string[],
  delivered: readonly string[],
  window: number,
): { acknowledged: number; doubles: number } {
  const acks = acknowledged(raised);
  for (const { port, arrivals, answered } of targets) {
    const seen = new Set(arrivals.map(({ n }) => n));
    for (const n of acks) {
      assert(answered.has(n), `${n} was acknowledged, and is lost at ${port}`);
    }
    if (window > 1) continue; // then order is not promised
    // A Set has the order of first arrivals.
    for (let raiser = 0; raiser < EACH; raiser++) {
      const own = [...seen].filter((n) => Math.floor(n / RAISER) === raiser);
      for (const [i, n] of own.entries()) {
        assert(i === 0 || own[i - 1] < n, `${n} is out of order at ${port}`);
      }
    }
  }
  const done = delivered.filter((line) => line.startsWith("delivered"));
  return {
    acknowledged: acks.length,
    doubles: done.length - new Set(done).size,
  };
}

if (import.meta.main) {
  const option = (name: string, otherwise: number) => {
    const index = Deno.args.indexOf(`--${name}`);
    return index === -1 ? otherwise : Number(Deno.args[index + 1]);
  };
  const command = await findNatsServer();
  if (command === undefined) throw new Error("There is no nats-server");
  const rounds = option("rounds", 100), window = option("window", 1);
  const seed = option("seed", Date.now() % 1e9);
  console.log(`rounds ${rounds}, window ${window}, seed ${seed}`);
  console.log(await many(command, rounds, window, seed));
}
