// Kills a process that raises events through an outbox, again and again, while
// its servers do all that servers do, and counts what was lost.
//
//     deno run --allow-all tests/outbox/crash.ts --kills 200 [--window 1] [--seed n]

import { assert, assertEquals } from "@std/assert";
import { randomFrom } from "../helpers/random.ts";
import { Folder } from "./helpers.ts";
import { MadServer } from "./mad_server.ts";
import { Program } from "./process.ts";

/** What the raiser printed in one run. */
class Run {
  readonly acknowledged: number[] = [];
  readonly #counts = new Map<string, number>();

  constructor(lines: string[]) {
    for (const line of lines) {
      if (line.startsWith("ack ")) {
        this.acknowledged.push(Number(line.slice(4)));
      } else this.#counts.set(line, (this.#counts.get(line) ?? 0) + 1);
    }
    const wrong = lines.find((line) => /error|damaged/.test(line));
    assertEquals(wrong, undefined);
  }

  count(what: string, n: number, port: number): number {
    return this.#counts.get(`${what} ${n} ${port}`) ?? 0;
  }
}

/** What was counted. */
export interface Account {
  acknowledged: number;
  repeated: number;
}

/** Runs it; throws when the accounts are wrong. */
export async function crash(
  kills: number,
  window: number,
  seed: number,
): Promise<Account> {
  using folder = new Folder();
  const random = randomFrom(seed);
  const below = (end: number) => Math.floor(random() * end);
  await using one = new MadServer(below);
  await using two = new MadServer(below);
  const servers = [one, two];
  const ports = servers.map(({ port }) => String(port));
  const start = (first: number) =>
    new Program("raiser.ts", [
      folder.file(),
      String(first),
      String(window),
      ...ports,
    ]);
  const runs: Run[] = [];
  for (let run = 0; run < kills; run++) {
    for (const server of servers) server.run = run;
    await using program = start(run * 100_000);
    const acknowledged = below(400);
    await program.until((lines) =>
      lines.filter((line) => line.startsWith("ack")).length >= acknowledged
    );
    await program.kill();
    runs.push(new Run(program.lines));
  }
  for (const server of servers) {
    server.run = kills;
    server.isMad = false;
  }
  await using last = start(-1);
  await last.until((lines) => lines.includes("flushed"));
  await last.ended;
  runs.push(new Run(last.lines));
  return settle(servers, runs, window);
}

function settle(
  servers: MadServer[],
  runs: Run[],
  window: number,
): Account {
  let repeated = 0;
  const acknowledged = runs.flatMap((run) => run.acknowledged);
  for (const { port, arrivals, answered, confirmed } of servers) {
    const byNumber = Map.groupBy(arrivals, ({ n }) => n);
    for (const n of acknowledged) {
      // One that came, and was not answered, must come again.
      assert(answered.has(n), `${n} was acknowledged, and is lost`);
    }
    if (window === 1) {
      for (const [i, { n }] of arrivals.entries()) {
        assert(i === 0 || arrivals[i - 1].n <= n, `${n} is out of order`);
      }
    }
    for (const [n, all] of byNumber) {
      for (const [index, run] of runs.entries()) {
        const here = all.filter((arrival) => arrival.run === index).length;
        if (here === 0) continue;
        // Within a run it comes again only after a failure that was told.
        const failed = run.count("postponed", n, port);
        assert(here <= failed + 1, `${n} came ${here} times, failed ${failed}`);
        const isDone = runs.slice(0, index).some((run) =>
          run.count("delivered", n, port) + run.count("aside", n, port) > 0
        );
        assert(!isDone, `${n} came again after it was done`);
      }
    }
    // What was confirmed may come again in the next run only, by a crash.
    for (let index = 0; index < runs.length; index++) {
      const again = confirmed.filter(({ n, run }) =>
        run === index &&
        runs[index].count("postponed", n, port) === 0 &&
        byNumber.get(n)!.some((arrival) => arrival.run > index)
      ).length;
      assert(again <= window, `run ${index}: ${again} confirmed came again`);
      repeated += again;
    }
  }
  return { acknowledged: acknowledged.length, repeated };
}

if (import.meta.main) {
  const option = (name: string, otherwise: number) => {
    const index = Deno.args.indexOf(`--${name}`);
    return index === -1 ? otherwise : Number(Deno.args[index + 1]);
  };
  const kills = option("kills", 200), window = option("window", 1);
  const seed = option("seed", Date.now() % 1e9);
  console.log(`kills ${kills}, window ${window}, seed ${seed}`);
  const { acknowledged, repeated } = await crash(kills, window, seed);
  console.log(`${acknowledged} acknowledged, none lost, ${repeated} repeated`);
}
