import { assertEquals, assertStringIncludes } from "@std/assert";
import { JsonText, serveEvents, ServerError } from "../../mod.ts";
import { resultText } from "../../src/cli/outcome.ts";
import { denoArgs, run, runWith, startInShell } from "../helpers/command.ts";
import { freePort, gate, send, serve } from "../helpers/tcp.ts";

/** A server that keeps the bytes it gets as text. */
function recordText() {
  let text = "";
  const done = gate();
  const server = serve(async (conn) => {
    for await (const bytes of conn.readable) {
      text += new TextDecoder().decode(bytes);
    }
    done.open();
  });
  return Object.assign(server, {
    async received() {
      await done.opened;
      return text;
    },
  });
}

Deno.test("raise --delimiter sends white space after the message", async () => {
  for (
    const [delimiter, sent] of [
      ["\\n", "\n"],
      ["\\r\\n", "\r\n"],
      ["\\t ", "\t "],
      ["\n", "\n"],
    ] as const
  ) {
    await using server = recordText();
    const args = ["raise", server.socket, "E_X", "--delimiter", delimiter];
    assertEquals((await run(args)).code, 0);
    assertEquals(
      await server.received(),
      `{"id":null,"jsonrpc":"2.0","method":"E_X","params":{}}${sent}`,
    );
  }
});

Deno.test("raise sends numbers as they are given", async () => {
  for (
    const number of [
      "1e-400",
      "-1e400",
      "4503599627370497.51",
      "0.1234567890123456789",
      "12345678901234567890",
      "9007199254740993",
      "0.50",
      "-0",
      "1e21",
    ]
  ) {
    for (const words of [[`a:=${number}`], ["--params", `{"a":${number}}`]]) {
      await using server = serve(async (_, reader) => {
        assertEquals(
          await reader.all(),
          [`{"id":null,"jsonrpc":"2.0","method":"E","params":{"a":${number}}}`],
        );
      });
      const args = ["raise", server.socket, "E", ...words];
      const { code, stderr } = await run(args);
      assertEquals(code, 0, stderr);
    }
  }
});

Deno.test({
  name: "raise refuses an argument that is not UTF-8",
  ignore: Deno.build.os === "windows",
  async fn() {
    for (const bytes of ["name=\\377", "E\\303", "\\355\\240\\200"]) {
      const command = [Deno.execPath(), ...denoArgs(["raise", "jsonrpc:h:1"])];
      const { code, stderr } = await new Deno.Command("sh", {
        args: [
          "-c",
          `exec ${command.join(" ")} E "$(printf '${bytes}')" --dry-run`,
        ],
      }).output();
      assertEquals(code, 2);
      assertStringIncludes(
        new TextDecoder().decode(stderr),
        "holds U+FFFD, which Deno puts in place of bytes that are not UTF-8",
      );
    }
  },
});

Deno.test("raise --sync prints the result as it came", async () => {
  for (
    const [result, printed] of [
      [`{"b":1,"10":2,"session":1756800000123456789}`],
      [`[1e400, 0.10,-0]`],
      [`{"a":1,"a":"\\u00e9"}`],
      [`null`],
      [`{\n\t"a": 1\n}`, `{  "a": 1 }`],
    ]
  ) {
    await using server = serve(async (conn, reader) => {
      const { id } = await reader.message();
      await send(conn, `{"jsonrpc":"2.0","id":${id},"result":${result}}`);
      await reader.next();
    });
    const args = ["raise", server.socket, "E", "--sync"];
    const { stdout } = await run([...args, "--quiet"]);
    assertEquals(stdout, `${printed ?? result}\n`);
    const json = await run([...args, "--json"]);
    assertStringIncludes(json.stdout, `"result":${printed ?? result},"ms":`);
  }
});

Deno.test("raise --params takes a file, and standard input", async () => {
  const path = await Deno.makeTempFile();
  try {
    const args = (params: string) => [
      "raise",
      "jsonrpc:h:1",
      "E",
      "--dry-run",
      "--params",
      params,
    ];
    for (
      const [given, params] of [
        [`{"a":[1e400]}`, `{"a":[1e400]}`],
        [`\n[\n  1,\n  2\n]\n`, "[1,2]"],
      ] as const
    ) {
      await Deno.writeTextFile(path, given);
      const expected = {
        code: 0,
        stdout: `{"id":null,"jsonrpc":"2.0","method":"E","params":${params}}\n`,
        stderr: "",
      };
      const read = `--allow-read=${path}`;
      assertEquals(await run(args(`@${path}`), [read]), expected);
      assertEquals(await runWith(given, args("-"), []), expected);
    }
    for (
      const [bytes, problem] of [
        [[0x22, 0xff, 0x22], "is not UTF-8"],
        [[0x35], "is 5, expected a JSON object or array"],
        [[], "is not JSON"],
      ] as const
    ) {
      await Deno.writeFile(path, Uint8Array.from(bytes));
      const file = await run(args(`@${path}`), ["--allow-read"]);
      const input = await runWith(Uint8Array.from(bytes), args("-"));
      assertEquals([file.code, input.code], [2, 2]);
      assertStringIncludes(file.stderr, `${JSON.stringify(path)}, ${problem}`);
      assertStringIncludes(input.stderr, `as --params, ${problem}`);
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("raise names the port, the method or the params that may be wrong", async () => {
  await using server = serveEvents({ port: 0 }, {
    params: () => {
      throw new ServerError(-32602, "Invalid params", ["ip"]);
    },
  });
  const { socket } = server;
  const port = freePort();
  for (
    const [args, hint] of [
      [
        [`jsonrpc:127.0.0.1:${port}`, "E_X"],
        `is a server listening at port ${port}? "event-jsonrpc listen ${port}"`,
      ],
      [
        [socket, "E_X", "--sync"],
        `the method was "E_X": another method can follow`,
      ],
      [[`${socket}/m`, "E_X", "--sync"], 'the method was "m"'],
      [
        [`${socket}/params`, "E_X", "a=1", "--sync"],
        `error -32602: Invalid params (["ip"]); the params were {"a":"1"}: do`,
      ],
      [
        [`${socket}/params`, "E_X", "x".repeat(1000), "--sync"],
        `the params were ["${"x".repeat(198)}…: do`,
      ],
    ] as const
  ) {
    const { stderr } = await run(["raise", ...args]);
    assertStringIncludes(stderr, hint);
  }
});

Deno.test("raise names --delimiter when a server may be waiting for a line", async () => {
  await using server = serve(async (conn, reader) => {
    // It responds to a line, and to nothing else.
    let text = "";
    for await (const bytes of conn.readable) {
      text += new TextDecoder().decode(bytes);
      if (text.endsWith("\n")) break;
    }
    void reader;
    if (text.endsWith("\n")) {
      await send(conn, `{"id":${JSON.parse(text).id},"result":1}`);
    }
  });
  const args = ["raise", server.socket, "E_X", "--sync", "--timeout", "300"];
  const { code, stderr } = await run(args);
  assertEquals(code, 4);
  assertStringIncludes(stderr, String.raw`needs --delimiter '\n'`);
});

Deno.test("raise is ended by a signal, so that a shell sees 130 or 143", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const asked = gate();
    await using server = serve(async (_, reader) => {
      await reader.message();
      asked.open();
      await reader.all();
    });
    const args = ["raise", server.socket, "E", "--sync", "--timeout", "60000"];
    await using raising = startInShell(args, "");
    await asked.opened;
    raising.process.kill(signal);
    const status = await raising.process.status;
    assertEquals(
      [status.code, status.signal],
      [signal === "SIGINT" ? 130 : 143, signal],
    );
  }
});

Deno.test(
  "resultText() gives a result as it came",
  { permissions: "none" },
  () => {
    for (
      const text of [
        `{"b":1,"10":2,"session":1756800000123456789}`,
        `[1e400,0.10,-0]`,
        `"\\u00e9"`,
      ]
    ) {
      assertEquals(resultText(new JsonText(text)), text);
    }
    assertEquals(resultText({ a: [null] }), `{"a":[null]}`);
  },
);
