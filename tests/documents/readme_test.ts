// What the README shows of the command is what the command does. (Its blocks of
// TypeScript run as tests of their own, by `deno test --doc`.)

import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { run } from "../helpers/command.ts";

const readme = await Deno.readTextFile(
  new URL("../../README.md", import.meta.url),
);

const sessions = [...readme.matchAll(/```console\n([^]*?)```/g)]
  .flatMap(([, block]) => block.split(/^\$ /m).slice(1))
  .map((session) => {
    const [command, ...output] = session.split("\n");
    return { command, output: output.join("\n") };
  });

Deno.test("the README shows sessions of the command", () => {
  assert(sessions.length >= 3);
});

for (const { command, output } of sessions) {
  Deno.test(`the README is right about: ${command}`, async () => {
    const [name, ...args] = command.split(" ");
    assertEquals(name, "event-jsonrpc");
    const { stdout, stderr } = await run(args);
    assertEquals(stdout + stderr, output);
  });
}

Deno.test("the README and CHANGELOG are of this version and its tasks", async () => {
  const changelog = await Deno.readTextFile(
    new URL("../../CHANGELOG.md", import.meta.url),
  );
  assert(changelog.includes(`## ${config.version}`));
  for (const task of Object.keys(config.tasks)) {
    assert(readme.includes(`task ${task}`), `task ${task}`);
  }
});
