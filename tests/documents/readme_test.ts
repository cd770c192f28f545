// What the documents show of the command is what the command does, and their
// links lead somewhere. (Their blocks of TypeScript run as tests of their own, by
// `deno test --doc`.)

import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { run } from "../helpers/command.ts";
import { EventClient } from "../../mod.ts";
import { FakeOpenSips } from "../opensips/fake_opensips.ts";
import { markdownFiles } from "./markdown.ts";

const ROOT = new URL("../../", import.meta.url);
const documents = await markdownFiles(ROOT);
const readme = documents.get("README.md")!;
const guide = documents.get("src/cli/README.md")!;

const sessions = [...(readme + guide).matchAll(/```console\n([^]*?)```/g)]
  .flatMap(([, block]) => block.split(/^\$ /m).slice(1))
  .map((session) => {
    const [command, ...output] = session.split("\n");
    return { command, output: output.join("\n") };
  });

Deno.test("the README shows sessions of the command", () => {
  assert(sessions.length >= 5);
});

for (
  const [command, output] of new Map(
    sessions.map(({ command, output }) => [command, output]),
  )
) {
  Deno.test(`the README is right about: ${command}`, async () => {
    const [name, ...args] = command.split(" ");
    assertEquals(name, "event-jsonrpc");
    const { stdout, stderr } = await run(args);
    assertEquals(stdout + stderr, output);
  });
}

Deno.test("the README and CHANGELOG are of this version and its tasks", () => {
  const changelog = documents.get("CHANGELOG.md")!;
  assert(changelog.includes(`## ${config.version}`));
  for (const task of Object.keys(config.tasks)) {
    assert(readme.includes(`task ${task}`), `task ${task}`);
  }
});

Deno.test("the README can be read in one go", () => {
  assert(readme.split("\n").length <= 250);
});

/** The anchor of a heading, as git hosts make it. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

/** The text without its blocks of code. */
function withoutCode(text: string): string {
  return text.replaceAll(/^(`{3,})[^]*?^\1$/gm, "");
}

Deno.test("each link in the documents leads somewhere", async () => {
  const wrong: string[] = [];
  let checked = 0;
  for (const [path, text] of documents) {
    const from = new URL(path, ROOT);
    for (const [, link] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue; // another site
      checked++;
      const to = new URL(link, from);
      const anchor = to.hash.slice(1);
      to.hash = "";
      const name = to.href.slice(ROOT.href.length);
      const target = documents.get(name);
      const isThere = target !== undefined ||
        await Deno.stat(to).then(() => true, () => false);
      const headings = withoutCode(target ?? "").matchAll(/^#+ (.*)$/gm);
      const isFound = anchor === "" ||
        [...headings].some(([, heading]) => anchorOf(heading) === anchor);
      if (!isThere || !isFound) wrong.push(`${path}: ${link}`);
    }
  }
  assertEquals(wrong, []);
  assert(checked > 30);
});

/** The blocks of TypeScript of a document, as programs beside this project. */
function programs(text: string): string[] {
  const map = config.imports["https://example.com/event-jsonrpc/"];
  assertEquals(map, "./");
  return [...text.matchAll(/^```ts.*\n([^]*?)^```$/gm)].map(([, code]) =>
    code.replaceAll("https://example.com/event-jsonrpc/", ROOT.href)
  );
}

for (const version of ["3.0", "4.0"] as const) {
  Deno.test(`what the README shows for OpenSIPS receives events of ${version}`, async () => {
    const [program] = programs(readme).filter((code) =>
      code.includes("receiveFrom(")
    );
    const names = ["E_PIKE_BLOCKED", "E_UL_AOR_INSERT"];
    await using opensips = new FakeOpenSips(version, names);
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/receive.ts`;
      await Deno.writeTextFile(
        file,
        program.replace("http://127.0.0.1:8888/mi", opensips.url)
          .replace("port: 8080", "port: 0"),
      );
      await using child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-net=127.0.0.1", file],
        stdin: "null",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      let said = "";
      for await (const piece of child.stdout.pipeThrough(decoder())) {
        said += piece;
        if (said === "subscribed\n") {
          const [socket] = opensips.subscribers("E_PIKE_BLOCKED");
          await using client = new EventClient(socket, { syncMode: true });
          await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
        }
        if (said.includes("blocked:")) child.kill("SIGTERM");
      }
      assertEquals(said, "subscribed\nblocked: 192.168.2.11\n");
      assertEquals((await child.status).code, 0);
      assertEquals(names.flatMap((name) => opensips.subscribers(name)), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function decoder(): TransformStream<Uint8Array<ArrayBuffer>, string> {
  return new TextDecoderStream() as TransformStream;
}
