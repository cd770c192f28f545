// The service of the command's guide: its unit and its container, as far as they can be
// tried where there is no systemd that runs, and no image to be had.

import { assert, assertEquals } from "@std/assert";
import { needs } from "../helpers/command.ts";
import { copy } from "../helpers/files.ts";
import { freePort, send, serve } from "../helpers/tcp.ts";
import { bundle } from "../packages/bundle.ts";

const ROOT = new URL("../../", import.meta.url);
const guide = await Deno.readTextFile(new URL("src/cli/README.md", ROOT));
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The only block of the guide in a language. */
function block(language: string): string {
  const blocks = guide.split("\n```" + language + "\n").slice(1);
  assertEquals(blocks.length, 1);
  return blocks[0].split("\n```\n")[0];
}

/** The file that `deno task bundle` makes of the command. */
const BUNDLE = "event-jsonrpc.js";
const built = await Deno.makeTempDir();
await bundle(`${built}/${BUNDLE}`);
Deno.test.afterAll(() => Deno.remove(built, { recursive: true }));
/** Where the recipes keep their outboxes. */
const STATE = ["/var/lib/event-jsonrpc", "/data"];

/** The unit, for this machine: with this Deno, and the file just built. */
function unit(): string {
  return block("ini").replaceAll("/usr/local/bin/deno", Deno.execPath())
    .replaceAll(`/opt/event-jsonrpc/${BUNDLE}`, `${built}/${BUNDLE}`);
}

/** Runs `systemd-analyze` on the unit: what it says. */
async function analyze(args: string[], text: string): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/event-jsonrpc.service`;
    await Deno.writeTextFile(path, text);
    const { code, stdout, stderr } = await new Deno.Command(
      "systemd-analyze",
      { args: [...args, path], env: { SYSTEMD_COLORS: "0" } },
    ).output();
    return `${decode(stdout)}${decode(stderr)}exit code ${code}`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  ...await needs(
    "systemd-analyze",
    "the unit in the guide passes systemd-analyze verify",
  ),
  async fn() {
    const args = ["verify", "--man=no", "--recursive-errors=no"];
    assertEquals(await analyze(args, unit()), "exit code 0");
    // That it would tell: of a setting that there is not, and of no command.
    const wrong = unit().replace("ProtectHome=", "ProtectHouse=");
    assert((await analyze(args, wrong)).includes("ProtectHouse"));
    const missing = unit().replace(Deno.execPath(), "/nowhere/deno");
    assert((await analyze(args, missing)).includes("/nowhere/deno"));
  },
});

Deno.test({
  ...await needs(
    "systemd-analyze",
    "the unit in the guide leaves little exposed",
  ),
  async fn() {
    // From 0 to 10; that of a unit with no such settings is 9.6.
    const said = await analyze(
      ["security", "--offline=yes", "--threshold=15"],
      unit(),
    );
    assert(said.endsWith("exit code 0"), said);
  },
});

/**
 * Starts `hub` with a folder for its outbox, has it raise an event, waits until
 * that is received, and ends it as systemd does.
 */
async function raiseThrough(
  given: string[],
  port: number,
  cwd: string | URL,
  received: Promise<void>,
): Promise<void> {
  const state = await Deno.makeTempDir();
  const args = given.map((arg) =>
    STATE.reduce((arg, folder) => arg.replace(folder, state), arg)
  );
  await using child = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const reader = child.stderr.getReader();
  let said = "";
  while (!said.includes("listening at")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`hub ended: ${said}`);
    said += decode(value);
  }
  await reader.cancel();
  const response = await fetch(`http://127.0.0.1:${port}/mi`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "raise_event",
      params: { event: "E_PIKE_BLOCKED", params: { ip: "192.168.2.11" } },
    }),
  });
  assertEquals(await response.json(), { jsonrpc: "2.0", id: 1, result: "OK" });
  await received;
  child.kill("SIGTERM");
  assertEquals((await child.status).code, 0);
  const files = Array.from(Deno.readDirSync(state), ({ name }) => name);
  assert(files.includes("events.db"), "the outbox is in its folder");
  await Deno.remove(state, { recursive: true });
}

/** A server that confirms, and the texts that it got. */
function receiver() {
  const texts: string[] = [];
  const received = Promise.withResolvers<void>();
  const server = serve(async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      texts.push(text);
      received.resolve();
      const { id } = JSON.parse(text);
      await send(conn, `{"jsonrpc":"2.0","id":${id},"result":true}`);
    }
  });
  return { texts, server, received: received.promise };
}

function assertIsBlockIp(texts: string[]): void {
  assertEquals(texts.map((text) => ({ ...JSON.parse(text), id: 0 })), [{
    id: 0,
    jsonrpc: "2.0",
    method: "block_ip",
    params: { ip: "192.168.2.11" },
  }]);
}

Deno.test("the unit in the guide starts a service with permissions that suffice", async () => {
  const { texts, server, received } = receiver();
  await using _ = server;
  const port = freePort();
  const [, command] = /^ExecStart=((?:.*\\\n)*.*)$/m.exec(unit())!;
  const [deno, ...args] = command.replaceAll("\\\n", "")
    .replaceAll("8888", `${port}`).replaceAll("8080", `${server.port}`)
    .split(/ +/);
  assertEquals(deno, Deno.execPath());
  await raiseThrough(args, port, "/", received);
  assertIsBlockIp(texts);
});

Deno.test("the container in the guide has all that it needs", async () => {
  const { texts, server, received } = receiver();
  await using _ = server;
  const port = freePort();
  const folder = await Deno.makeTempDir();
  try {
    const command: string[] = [];
    for (const line of block("dockerfile").split("\n")) {
      const [instruction, ...words] = line.split(" ");
      switch (instruction) {
        case "COPY": {
          const to = `${folder}/${words.pop()}`;
          for (const name of words) {
            assertEquals(name, BUNDLE);
            await copy(`${built}/${name}`, `${to}${name}`);
          }
          break;
        }
        case "RUN":
          assertEquals(words[0], "install"); // the folder of the outbox
          break;
        case "ENTRYPOINT":
        case "CMD":
          command.push(...JSON.parse(words.join(" ")));
      }
    }
    assertEquals(command.shift(), "deno");
    const args = command.map((arg) =>
      arg.replaceAll("app:8080", `127.0.0.1:${server.port}`)
        .replaceAll("0.0.0.0:8888", `127.0.0.1:${port}`)
    );
    await raiseThrough(args, port, folder, received);
    assertIsBlockIp(texts);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
