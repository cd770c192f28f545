import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { serveEvents, ServerError } from "../../mod.ts";
import { toJson, UsageError } from "../../src/cli/arguments.ts";
import { parseEventLine } from "../../src/cli/event_line.ts";
import { LineError, MAX_LINE_BYTES, readLines } from "../../src/cli/lines.ts";
import { needs, onTerminal, runWith, start } from "../helpers/command.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { freePort, send, serve } from "../helpers/tcp.ts";

/** A server that keeps what it got. */
function record(answer: () => unknown = () => true) {
  const events: [string, unknown][] = [];
  const server = serveEvents({ port: 0 }, ({ method, params }) => {
    events.push([method, params]);
    return answer();
  });
  return Object.assign(server, { events });
}

const lines = (...values: unknown[]) =>
  values.map((value) => JSON.stringify(value) + "\n").join("");

Deno.test("pump raises an event for each line, in order: exit code 0", async () => {
  await using server = record();
  const input = `{"event":"E_A","params":{"ip":"::1"}}\r\n\n` +
    `  {"params":[3,"5"],"event":"E_B"}  \n \t\n{"event":"E_C"}`;
  const { code, stdout, stderr } = await runWith(input, [
    "pump",
    server.socket,
  ]);
  assertEquals(server.events, [
    ["E_A", { ip: "::1" }],
    ["E_B", [3, "5"]],
    ["E_C", {}],
  ]);
  assertEquals([code, stdout], [0, ""]);
  assertMatch(
    stderr,
    /^3 events: 3 delivered, 0 failed; 0 bad lines; [\d.]+ s, \d+\/s\n$/,
  );
});

Deno.test("pump takes the options of raise", async () => {
  await using server = record();
  const args = [
    "pump",
    `${server.socket}/m`,
    "--sync",
    "--event-param",
    "name",
  ];
  const input = lines({ event: "E_A" }, { event: "E_B", params: { a: 1 } });
  const { code, stdout, stderr } = await runWith(input, [
    ...args,
    "--json",
    "--quiet",
  ]);
  assertEquals([code, stderr], [0, ""]);
  const { ms, ...summary } = JSON.parse(stdout);
  assert(ms >= 0);
  assertEquals(summary, { events: 2, delivered: 2, failed: 0, badLines: 0 });
  assertEquals(server.events, [
    ["m", { name: "E_A" }],
    ["m", { name: "E_B", a: 1 }],
  ]);
});

Deno.test("pump names wrong lines by their number, and skips them: exit code 2", async () => {
  await using server = record();
  const bad: [line: string, problem: string][] = [
    ["{", "it is not JSON"],
    ["[]", `it is no JSON object, expected {"event":…,"params":…}`],
    ["1", "it is no JSON object"],
    [`{"params":{}}`, `it has no "event" that is a name`],
    [`{"event":""}`, `it has no "event" that is a name`],
    [`{"event":"E","params":1}`, `its "params" are neither`],
    [`{"event":"E","parms":{}}`, `it has "parms", expected "event" and`],
    [`{"event":"E","params":[12345678901234567890]}`, "lose no digits"],
    [`{"event":"E","params":{"name":1}}`, "the event param has that name"],
  ];
  const input = `{"event":"E_FIRST"}\n` +
    bad.map(([line]) => line + "\n").join("") +
    `{"event":"E_LAST"}\n`;
  const args = ["pump", server.socket, "--event-param", "name"];
  const { code, stderr } = await runWith(input, args);
  assertEquals(code, 2);
  for (const [i, [, problem]] of bad.entries()) {
    assertStringIncludes(stderr, `error: line ${i + 2}: `);
    assertStringIncludes(stderr, problem);
  }
  assertStringIncludes(stderr, "2 events: 2 delivered, 0 failed; 9 bad lines");
  assertEquals(server.events.map(([event]) => event), ["E_FIRST", "E_LAST"]);
});

Deno.test("pump --strict stops at a wrong line: exit code 2", async () => {
  await using server = record();
  const input = `{"event":"E_A"}\nnonsense\n{"event":"E_B"}\n`;
  const args = ["pump", server.socket, "--strict"];
  const { code, stderr } = await runWith(input, args);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "1 events: 1 delivered, 0 failed; 1 bad lines");
  assertEquals(server.events.map(([event]) => event), ["E_A"]);
});

Deno.test("pump exits by the worst that happened", async () => {
  await using refusing = record(() => {
    throw new ServerError(404, "No such user");
  });
  await using silent = serve(async (_, reader) => void await reader.all());
  const input = "nonsense\n" + lines({ event: "E_A" }, { event: "E_A" });
  const pump = (socket: string) =>
    runWith(input, ["pump", socket, "--sync", "--timeout", "300"]);
  const refused = await pump(refusing.socket);
  assertEquals(refused.code, 3);
  assertStringIncludes(
    refused.stderr,
    "error: line 2: the server answered with error 404: No such user\n",
  );
  assertEquals((await pump(silent.socket)).code, 4);
  const gone = await pump(`jsonrpc:127.0.0.1:${freePort()}`);
  assertEquals(gone.code, 1);
  assertStringIncludes(gone.stderr, "2 events: 0 delivered, 2 failed");
});

Deno.test("pump prints some errors, and counts all", async () => {
  const input = "nonsense\n".repeat(1000);
  const { code, stderr } = await runWith(input, [
    "pump",
    `jsonrpc:127.0.0.1:${freePort()}`,
  ]);
  assertEquals(code, 2);
  assertEquals(stderr.match(/^error: line/gm)?.length, 10);
  assertEquals(stderr.match(/further errors are counted only/g)?.length, 1);
  assertStringIncludes(stderr, "1000 bad lines");
  const ten = await runWith("nonsense\n".repeat(10), ["pump", "jsonrpc:h:1"]);
  assertEquals(ten.stderr.match(/^error: line/gm)?.length, 10);
  assertEquals(ten.stderr.includes("further errors"), false);
});

Deno.test("pump finds a refusal worse than a wrong line, then time-outs, then losses", async () => {
  await using server = serve(async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      const { id, method } = JSON.parse(text);
      if (method === "E_LOST") return;
      if (method === "E_SILENT") continue;
      await send(conn, `{"id":${id},"error":{"code":1,"message":"no"}}`);
    }
  });
  for (
    const [names, expected] of [
      [["E_REFUSED"], 3],
      [["E_REFUSED", "E_SILENT", "E_REFUSED"], 4],
      [["E_REFUSED", "E_SILENT", "E_LOST"], 1],
      [["E_REFUSED", "E_LOST"], 1],
    ] as const
  ) {
    const input = "nonsense\n" + lines(...names.map((event) => ({ event })));
    const args = ["pump", server.socket, "--sync", "--timeout", "300"];
    assertEquals((await runWith(input, args)).code, expected, `${names}`);
  }
});

Deno.test("pump waits for a server that stalls, however large its window is", async () => {
  const COUNT = 250_000; // for so many, 64 MiB are too little
  const stalled = Promise.withResolvers<void>();
  await using server = serveEvents({ port: 0 }, () => stalled.promise);
  await using pumping = start(
    ["pump", server.socket, "--window", "1000000", "--timeout", "60000"]
      .concat(["--sync", "--json", "--quiet"]),
    "piped",
  );
  const writer = pumping.process.stdin.getWriter();
  await writer.write(bytesOf(lines({ event: "E" }).repeat(COUNT)));
  await writer.close();
  stalled.resolve(); // nearly all is read, and waits
  const { delivered, failed } = JSON.parse((await pumping.outLine())!);
  assertEquals([delivered, failed], [COUNT, 0]);
});

Deno.test("pump raises events of more names than it keeps", async () => {
  await using server = record();
  const names = Array.from({ length: 1500 }, (_, n) => `E_${n}`);
  const expected = [...names, ...names, "E_0", "E_0"];
  const input = lines(...expected.map((event) => ({ event })));
  const { code, stderr } = await runWith(input, ["pump", server.socket]);
  assertEquals(code, 0, stderr);
  assertEquals(server.events.map(([event]) => event), expected);
});

Deno.test("pump sends unnamed params to a tcp: socket", async () => {
  await using server = record();
  const socket = server.socket.replace("jsonrpc:", "tcp:");
  const input = lines({ event: "E", params: [1] }, { event: "F", params: [2] });
  const { code, stderr } = await runWith(input, ["pump", socket, "--quiet"]);
  assertEquals([code, server.events, stderr], [
    0,
    [["E", [1]], ["F", [2]]],
    "",
  ]);
});

Deno.test("pump delivers to a virtual socket, and warns once", async () => {
  await using server = record();
  const gone = `jsonrpc:127.0.0.1:${freePort()}`;
  const socket = `virtual:FAILOVER ${gone} ${server.socket}`;
  const input = lines({ event: "E_A" }, { event: "E_B" }, { event: "E_A" });
  const { code, stderr } = await runWith(input, ["pump", socket]);
  assertEquals(code, 0);
  assertEquals(stderr.match(/warning/g)?.length, 1);
  assertEquals(server.events.length, 3);
});

Deno.test("pump sends a line when it comes in", async () => {
  await using server = record();
  await using pumping = start(["pump", server.socket], "piped");
  const writer = pumping.process.stdin.getWriter();
  for (let n = 1; n <= 3; n++) {
    await writer.write(new TextEncoder().encode(lines({ event: `E_${n}` })));
    while (server.events.length < n) await new Promise((r) => setTimeout(r));
  }
  await writer.close();
  assertEquals((await pumping.process.status).code, 0);
});

Deno.test("pump delivers what it read when it is interrupted", async () => {
  await using server = record();
  await using pumping = start(["pump", server.socket], "piped");
  const writer = pumping.process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(lines({ event: "E_A" })));
  while (server.events.length < 1) await new Promise((r) => setTimeout(r));
  pumping.process.kill("SIGINT");
  assertEquals((await pumping.process.status).code, 0);
  assertStringIncludes((await pumping.errLine())!, "1 events: 1 delivered");
  await writer.abort().catch(() => {});
});

Deno.test("pump delivers 50,000 lines within its window, to a server that is slow at first", async () => {
  const count = 50_000;
  const slow = Promise.withResolvers<void>();
  let arrived = 0, underWay = 0, most = 0;
  await using server = serveEvents({ port: 0 }, ({ params }) => {
    const [n] = params as number[];
    if (n !== arrived++) throw new Error(`${n} is out of order`);
    most = Math.max(most, ++underWay);
    if (arrived === 100) setTimeout(slow.resolve, 100); // no more may come
    return slow.promise.then(() => underWay--);
  });
  const input = Array.from(
    { length: count },
    (_, n) => `{"event":"E_X","params":[${n}]}\n`,
  ).join("");
  const { code, stdout } = await runWith(input, [
    "pump",
    server.socket,
    "--sync",
    "--window",
    "100",
    "--timeout",
    "60000",
    "--json",
    "--quiet",
  ]);
  assertEquals([code, arrived, most], [0, count, 100]);
  assertEquals(JSON.parse(stdout).delivered, count);
});

Deno.test({
  ...await needs(
    "script",
    "pump shows its progress on a terminal, unless it is to be quiet",
  ),
  async fn() {
    await using silent = serve(async (_, reader) => void await reader.all());
    const args = ["pump", silent.socket, "--sync", "--timeout", "1200"];
    const input = `{"event":"E_X"}\\n`;
    const shown = await onTerminal(args, {}, input);
    assertStringIncludes(shown, "\r0 events, 0/s, 0 failed, 1 in flight\x1b[K");
    assertStringIncludes(shown, "1 events: 0 delivered, 1 failed");
    const quiet = await onTerminal([...args, "--quiet"], {}, input);
    assertEquals(quiet.includes("in flight"), false);
  },
});

// Lines.

/** The lines; of one that cannot be read, what is wrong with it. */
async function linesOf(pieces: Iterable<Uint8Array>): Promise<string[]> {
  const all: string[] = [];
  const stream = ReadableStream.from(pieces);
  for await (const some of readLines(stream, new AbortController().signal)) {
    for (const line of some) {
      all.push(line instanceof LineError ? line.message : line);
    }
  }
  return all;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

Deno.test("readLines() gives the lines however the bytes are cut", {
  permissions: "none",
}, async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  for (let round = 0; round < 500; round++) {
    const lines = Array.from(
      { length: Math.floor(random() * 6) },
      () =>
        ["", "a", "é漢😀", "x\ry", "\ufeff\ufffd"][Math.floor(random() * 5)],
    );
    const text = lines.map((l) =>
      l + (random() < 0.3 ? "\r\n" : "\n")
    ).join("") +
      (random() < 0.5 ? "last" : "");
    const bytes = new TextEncoder().encode(text);
    const cuts = Array.from(
      { length: Math.floor(random() * 4) },
      () => Math.floor(random() * (bytes.length + 1)),
    ).sort((a, b) => a - b);
    const all = await linesOf(
      [...cuts, bytes.length].map((end, i) => bytes.slice(cuts[i - 1], end)),
    );
    const expected = text.endsWith("last") ? [...lines, "last"] : lines;
    if (expected.length > 0) expected[0] = expected[0].replace("\ufeff", "");
    assertEquals(all, expected, `seed ${seed}, round ${round}`);
  }
});

Deno.test("readLines() gives up a line that is too long, and only that", {
  permissions: "none",
}, async () => {
  const half = bytesOf("x".repeat(MAX_LINE_BYTES / 2 + 1));
  const problem = `it is longer than ${MAX_LINE_BYTES} bytes`;
  const [start, end] = [bytesOf("a\n"), bytesOf("\nb\n")];
  assertEquals(await linesOf([start, half, half, half, end]), [
    "a",
    problem,
    "b",
  ]);
  assertEquals(await linesOf([half, half]), [problem]);
  const whole = new Uint8Array([...start, ...half, ...half, ...end]);
  assertEquals(await linesOf([whole]), ["a", problem, "b"]);
});

Deno.test(
  "readLines() finds the lines that are not UTF-8, however they are cut",
  {
    permissions: "none",
  },
  async () => {
    const wrong = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0x4a, 0xfc, 0x72]];
    for (const bad of wrong) {
      const line = Uint8Array.from([
        ...bytesOf("\ufeffa é\n"),
        ...bad,
        ...bytesOf("\r\nb\n"),
        ...bad,
      ]);
      const expected = ["a é", "it is not UTF-8", "b", "it is not UTF-8"];
      for (let cut = 0; cut <= line.length; cut++) {
        const pieces = [line.slice(0, cut), line.slice(cut)];
        assertEquals(await linesOf(pieces), expected);
      }
      assertEquals(
        await linesOf([...line].map((b) => Uint8Array.of(b))),
        expected,
      );
    }
  },
);

Deno.test("readLines() takes away one line end, and no more", {
  permissions: "none",
}, async () => {
  const text = "a\r\r\n\r\nb\r";
  assertEquals(await linesOf([bytesOf(text)]), ["a\r", "", "b"]);
});

Deno.test("pump --strict sends nothing after a line whose params are wrong", async () => {
  await using server = record();
  const input = lines(
    { event: "E_1" },
    { event: "E_2", params: { name: 1 } },
    { event: "E_3" },
  );
  const args = ["pump", server.socket, "--strict", "--event-param", "name"];
  assertEquals((await runWith(input, args)).code, 2);
  assertEquals(server.events.map(([event]) => event), ["E_1"]);
});

Deno.test("pump changes no line in silence", async () => {
  await using server = record();
  const input = [
    `{"event":"E","params":{"a":1,"a":2}}`,
    `{"event":"E","params":{"b":1,"2":2,"1":3}}`,
    `{"event":"E","event":"F"}`,
    `{"event":"E","params":[{"x":{"y":1,"y":2}}]}`,
    `{"event":"E","params":{"a":"\\":{","b":[{"c":"\\""}]}}`,
    `{"event":"E","params":{"n":1e21,"m":[1.5,"12345678901234567890"]}}`,
    `{"event":"E","params":["J\ufffdrgen",0.0e5,1.50E+2,-0]}`,
    `{"event":"E","params":[12345678901234567890e0]}`,
    "",
  ].join("\n");
  const latin1 = Uint8Array.of(...bytesOf(`{"event":"E","params":["J`), 0xfc);
  const { code, stderr } = await runWith(
    new Blob([input, latin1, `rgen"]}\n`]),
    ["pump", server.socket],
  );
  assertEquals(code, 2);
  assertStringIncludes(stderr, "line 8: it holds 12345678901234567890e0,");
  assertStringIncludes(stderr, "line 9: it is not UTF-8");
  for (const n of [1, 2, 3, 4]) {
    assertStringIncludes(stderr, `line ${n}: it has the name`);
  }
  assertEquals(server.events, [
    ["E", { a: `":{`, b: [{ c: `"` }] }],
    ["E", { n: 1e21, m: [1.5, "12345678901234567890"] }],
    ["E", ["J\ufffdrgen", 0, 150, 0]],
  ]);
});

Deno.test("parseEventLine() takes what toJson() takes, and no other", {
  permissions: "none",
}, () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const oneOf = <T>(values: T[]) =>
    values[Math.floor(random() * values.length)];
  const space = () => random() < 0.1 ? oneOf([" ", "  ", "\t"]) : "";
  const name = () =>
    oneOf([
      "a",
      "b",
      "c",
      "1",
      "0x",
      "",
      "é",
      "n:",
      "__proto__",
      '\\"',
      "\\u003a",
    ]);
  const scalars = ["1", "-0.5", "0", "1e3", "1e21", "9007199254740993", "1e999"]
    .concat(["12345678901234567.5", "true", "null", `"x"`, `"sip:a@b"`])
    .concat([`"\\":"`, `"\\\\"`, `"a" `, `"1234567890123456789"`]);
  function value(depth: number): string {
    const count = random() < 0.5 || depth === 0 ? 0 : Math.floor(random() * 4);
    if (count === 0) return oneOf([...scalars, "{}", "[]"]) + space();
    const isObject = random() < 0.7;
    const members = Array.from({ length: count }, () => {
      const member = space() + value(depth - 1);
      return isObject ? `${space()}"${name()}"${space()}:${member}` : member;
    });
    return isObject ? `{${members}}` : `[${members}]`;
  }
  let refused = 0;
  for (let round = 0; round < 5000; round++) {
    const line = `{"event":"E","params":[${value(3)}]}`;
    let expected: unknown, actual: unknown;
    try {
      expected = toJson(line, "it");
    } catch (error) {
      expected = (error as Error).message;
      refused++;
    }
    try {
      actual = parseEventLine(line);
    } catch (error) {
      assert(error instanceof UsageError);
      actual = error.message;
    }
    assertEquals(actual, expected, `seed ${seed}, round ${round}: ${line}`);
  }
  assert(refused > 500 && refused < 4500, `${refused} were refused`);
});

Deno.test("pump names each line whose event failed, whichever failed with it", async () => {
  const input = lines({ event: "E_A" }, 1, { event: "E_A" }) + "\n" +
    lines({ event: "E_A", params: { "": [] } }, { event: "E_B" });
  const { code, stderr } = await runWith(input, [
    "pump",
    `jsonrpc:127.0.0.1:${freePort()}`,
  ]);
  assertEquals(code, 1);
  assertEquals(
    [...stderr.matchAll(/^error: line (\d+): (Cannot|it is)/gm)]
      .map(([, number]) => Number(number)).sort(),
    [1, 2, 3, 5, 6],
  );
  assertStringIncludes(stderr, "4 events: 0 delivered, 4 failed; 1 bad lines");
});

Deno.test("pump takes a long line", async () => {
  await using server = serveEvents(
    { port: 0, maxMessageBytes: 2 ** 25 },
    () => {},
  );
  const text = "x".repeat(12_000_000) + "1234567890123456";
  const args = ["pump", server.socket, "--timeout", "60000"];
  const { code, stderr } = await runWith(
    lines({ event: "E", params: [text] }),
    args,
  );
  assertEquals(code, 0, stderr);
});

Deno.test("pump takes the sockets of ROUND-ROBIN in turn, whatever the events", async () => {
  await using one = record();
  await using two = record();
  const input = lines(
    ...["E_A", "E_B", "E_C", "E_D"].map((event) => ({ event })),
  );
  const socket = `virtual:ROUND-ROBIN ${one.socket} ${two.socket}`;
  await runWith(input, ["pump", socket, "--window", "1"]);
  assertEquals([one.events.length, two.events.length], [2, 2]);
});
