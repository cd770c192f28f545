// How fast it is, beside plain Deno and beside others. README.md says more.
//
//     deno task bench [--quick] [--rounds=<n>] [--json] [<section> …]
//
// Every client and every server is a process of its own. Each round measures
// all rows of a section in turn, so that a noisy machine is so for all of them.
// A quick run is a smoke test: it sees that everything works and that nothing is
// lost. It exits with 1 if not so, and never because of a time.

import { describeMachine } from "./machine.ts";
import { buildPrograms, getPackages } from "./prepare.ts";
import { Skipped } from "./processes.ts";
import { judge, machineText, sectionText } from "./report.ts";
import { type Options, Results, type Section } from "./section.ts";
import { commands } from "./sections/commands.ts";
import { faults } from "./sections/faults.ts";
import { eventInterface } from "./sections/interface.ts";
import { gaps } from "./sections/gaps.ts";
import { interfaceMemory } from "./sections/interface_memory.ts";
import { jetstream } from "./sections/jetstream.ts";
import { latency } from "./sections/latency.ts";
import { memory } from "./sections/memory.ts";
import { notifications } from "./sections/notifications.ts";
import { receiving } from "./sections/receiving.ts";
import { outbox } from "./sections/outbox.ts";
import { requests } from "./sections/requests.ts";
import { splitter } from "./sections/splitter.ts";
import { start } from "./sections/start.ts";

const ROUNDS = 5;

const SECTIONS: Record<string, (options: Options) => Promise<Section>> = {
  notifications,
  requests,
  latency,
  interface: eventInterface,
  "interface-memory": interfaceMemory,
  receiving,
  gaps,
  memory,
  start,
  commands,
  splitter,
  outbox,
  jetstream,
  faults,
};
/** What a quick run leaves out: it counts what others lose. */
const NOT_QUICK = ["faults"];

/** Measures all rows of a section, round by round. */
async function measure(section: Section, rounds: number): Promise<Results> {
  const results = new Results();
  for (let round = 1; round <= rounds; round++) {
    for (const { name, measure } of section.rows) {
      if (results.problems.has(name)) continue;
      progress(`${section.title}, round ${round} of ${rounds}: ${name}`);
      try {
        const sample = await measure();
        const samples = results.samples.get(name);
        if (samples === undefined) results.samples.set(name, [sample]);
        else samples.push(sample);
      } catch (error) {
        results.problems.set(name, error as Error);
      }
    }
  }
  progress("");
  return results;
}

function progress(text: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r${text}\x1b[K`));
}

/** What did not work, or was lost. */
function problemsOf(section: Section, results: Results): string[] {
  return section.rows.flatMap(({ name }) => {
    const problem = results.problems.get(name);
    const lost = results.values(name, "lost").reduce((a, b) => a + b, 0);
    return [
      ...problem !== undefined && !(problem instanceof Skipped)
        ? [`${section.title}, ${name}: ${problem.message}`]
        : [],
      ...lost !== 0 ? [`${section.title}, ${name}: ${lost} lost`] : [],
    ];
  });
}

async function main(args: string[]): Promise<number> {
  const isQuick = args.includes("--quick"), isJson = args.includes("--json");
  const wanted = args.filter((arg) => !/^--(quick|json|rounds=.*)$/.test(arg));
  const asked = args.find((arg) => arg.startsWith("--rounds="));
  const most = isQuick ? 1 : Number(asked?.split("=")[1] ?? ROUNDS);
  const wrong = wanted.find((name) => !Object.hasOwn(SECTIONS, name));
  if (!(most >= 1)) {
    console.error("error: --rounds is not a number from 1 on");
    return 2;
  }
  if (wrong !== undefined) {
    const names = Object.keys(SECTIONS).join(", ");
    console.error(
      `error: there is no section ${JSON.stringify(wrong)}, expected ${names}`,
    );
    return 2;
  }
  const directory = await Deno.makeTempDir();
  const options: Options = {
    isQuick,
    native: await buildPrograms(directory, isQuick),
    missing: await getPackages(isQuick),
  };
  const machine = await describeMachine(options);
  if (!isJson) console.log(machineText(machine));
  const problems: string[] = [], sections: unknown[] = [];
  for (const [name, make] of Object.entries(SECTIONS)) {
    if (wanted.length === 0 && isQuick && NOT_QUICK.includes(name)) continue;
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    await using section = await make(options);
    const rounds = Math.min(most, section.maxRounds ?? most);
    const results = await measure(section, rounds);
    problems.push(...problemsOf(section, results));
    if (!isJson) console.log(sectionText(section, results, rounds, isQuick));
    sections.push({
      name,
      rounds,
      rows: section.rows.map(({ name, yardstick }) => ({
        name,
        yardstick,
        samples: results.samples.get(name),
        problem: results.problems.get(name)?.message,
      })),
      // Of a quick run they would say nothing: it measures too little.
      targets: isQuick ? [] : section.targets.map((t) => judge(t, results)),
    });
  }
  await Deno.remove(directory, { recursive: true });
  if (isJson) console.log(JSON.stringify({ machine, sections, problems }));
  for (const problem of problems) console.error(`error: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

Deno.exit(await main(Deno.args));
