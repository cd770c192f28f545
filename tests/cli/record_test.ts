// What `listen --json` records, `pump` replays, byte for byte.

import { assertEquals } from "@std/assert";
import { memberText } from "../../mod.ts";
import recorded from "../data/opensips-wire.json" with { type: "json" };
import { exchange, runWith, startListen } from "../helpers/command.ts";
import { serve } from "../helpers/tcp.ts";

/** Params as they come from the world. */
const PARAMS = [
  "{}",
  `{ "a" : 1 ,\t"b":[ 1, 2 ] }`,
  `{"escapes":"\\u00e9\\u0041\\/\\ud83d\\ude00\\u001b","raw":"é😀"}`,
  `{"n":[1.0,1e3,1E+2,-0,0.10,12345678901234567890,1e-400,18446744073709551615]}`,
  `{"2":1,"1":2,"a":1,"a":2,"__proto__":{"x":1},"":0}`,
  `[ "\\ud800", "\\"}]{[", "\\\\" ]`,
  `{"deep":${"[".repeat(200)}${"]".repeat(200)}}`,
  // What a terminal would act upon, and what does not fit on a line.
  `{"raw":"\u009b31m \u202e \u2028 \u007f","a":"\\n"}`,
  `{\r\n  "a": 1,\n\t"b": "\u0085"\n}`,
];
/** No params at all, as the protocol has it: they go out as `{}`. */
const NONE = ["[]", "[\n]", "{ }", "null"];

/** Records messages that come in, as lines. */
async function record(messages: readonly string[]): Promise<string> {
  await using listening = await startListen([
    "--json",
    `--count=${messages.length}`,
  ]);
  await exchange(listening.socket, messages.join(""));
  let lines = "";
  for (let line; (line = await listening.outLine()) !== undefined;) {
    lines += `${line}\n`;
  }
  return lines;
}

/** Replays lines to another listener: the methods and the texts of params. */
async function replay(lines: string, ...args: string[]): Promise<string[][]> {
  const received: string[][] = [];
  await using server = serve(async (_, reader) => {
    for (const text of await reader.all()) {
      received.push([JSON.parse(text).method, memberText(text, "params")!]);
    }
  });
  const { code, stderr } = await runWith(lines, [
    "pump",
    server.socket,
    ...args,
  ]);
  assertEquals([code, stderr.includes("error")], [0, false], stderr);
  return received;
}

Deno.test("pump replays what listen --json recorded: params byte for byte", async () => {
  const messages = PARAMS.map((params, n) =>
    `{"jsonrpc":"2.0", "method":"E_${n}","params":${params}${
      n % 2 === 0 ? "" : `,"id":${n}`
    }}`
  );
  const lines = await record(messages);
  assertEquals(lines.trimEnd().split("\n").length, PARAMS.length);
  assertEquals(
    await replay(lines),
    PARAMS.map((params, n) => [`E_${n}`, params]),
  );
  const none = NONE.map((params) =>
    `{"jsonrpc":"2.0","method":"E","params":${params}}`
  );
  assertEquals(await replay(await record(none)), NONE.map(() => ["E", "{}"]));
});

Deno.test("pump replays to listen --json what that then records alike", async () => {
  const messages = PARAMS.map((params) =>
    `{"jsonrpc":"2.0","method":"E","params":${params}}`
  );
  const first = await record(messages);
  await using second = await startListen([
    "--json",
    `--count=${PARAMS.length}`,
  ]);
  const { code, stderr } = await runWith(first, ["pump", second.socket]);
  assertEquals(code, 0, stderr);
  const params = (line: string) => [
    memberText(line, "params"),
    memberText(line, "paramsText"),
  ];
  for (const line of first.trimEnd().split("\n")) {
    assertEquals(params((await second.outLine())!), params(line));
  }
});

Deno.test("pump replays what OpenSIPS sent, byte for byte", async () => {
  // event_stream sends no params where there are none.
  const messages = recorded.filter(({ sync, text }) =>
    !sync && memberText(text, "params") !== undefined
  ).map(({ text }) => text);
  assertEquals(
    await replay(await record(messages)),
    messages.map((text) => [
      JSON.parse(text).method,
      memberText(text, "params")!,
    ]),
  );
});

Deno.test("listen --json keeps all digits of an id", async () => {
  for (const id of ["12345678901234567890", `"a\\u001b"`, "-5", "null"]) {
    const line = await record([`{"jsonrpc":"2.0","method":"E","id":${id}}`]);
    assertEquals(memberText(line, "id"), id);
  }
});
