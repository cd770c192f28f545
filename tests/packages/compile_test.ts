// The single binary, `deno task compile`. Its base, denort, is what Deno would
// download. Where it is not to be had, Deno itself takes its place: the binary is
// built then, but cannot run as the command.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { output } from "../helpers/programs.ts";
import { serve } from "../helpers/tcp.ts";
import { bundle } from "./bundle.ts";

/** How the command is built, by the task: the bundle first. */
const [FIRST, COMPILE] = config.tasks.compile.command.split(" && ");
const BUNDLE = "event-jsonrpc.js";

/** Builds the binary on `base`; tests download nothing. */
async function compile(
  folder: string,
  base: string,
): Promise<{ binary: string; said: string }> {
  assertEquals(FIRST, "deno task bundle");
  await bundle(`${folder}/${BUNDLE}`);
  const [program, ...args] = COMPILE.split(" ");
  assertEquals(program, "deno");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: folder,
    env: { DENORT_BIN: base, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert(success, said);
  return { binary: `${folder}/${args[args.indexOf("--output") + 1]}`, said };
}

/** Whether `bytes` hold `part`; both are large. */
function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  const start = part.subarray(0, 16);
  for (let at = 0; (at = bytes.indexOf(start[0], at)) >= 0; at++) {
    if (
      start.every((byte, n) => bytes[at + n] === byte) &&
      part.every((byte, n) => bytes[at + n] === byte)
    ) return true;
  }
  return false;
}

Deno.test("deno task compile finds all of the command, and embeds its one file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { binary, said } = await compile(folder, Deno.execPath());
    const bytes = await Deno.readFile(binary);
    const { size } = await Deno.stat(Deno.execPath());
    const file = await Deno.readFile(`${folder}/${BUNDLE}`);
    assert(holds(bytes.subarray(size), file));
    // No other file: neither the sources, nor parts of std that are not used.
    assertStringIncludes(said, `└── ${BUNDLE} (`);
    assert(!/├|\.ts\b|deno-std/.test(said), said);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const denort = Deno.env.get("DENORT_BIN");
const skipped = denort === undefined ? " (skipped: DENORT_BIN is not set)" : "";

Deno.test({
  name: `deno task compile builds a binary that raises events${skipped}`,
  ignore: denort === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const { binary } = await compile(folder, denort!);
      const received = Promise.withResolvers<string[]>();
      await using server = serve(async (_, reader) => {
        received.resolve(await reader.all());
      });
      const socket = `jsonrpc:127.0.0.1:${server.port}`;
      await output(binary, ["raise", socket, "E_X", "a=1"], { cwd: folder });
      assertEquals(await received.promise, [
        '{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"a":"1"}}',
      ]);
      assertStringIncludes(await output(binary, ["hub", "--help"]), "hub");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
