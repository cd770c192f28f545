import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { serveEvents, ServerError } from "../../mod.ts";
import {
  denoArgs,
  needs,
  onTerminal,
  runWith,
  start,
} from "../helpers/command.ts";
import { freePort, send, serve } from "../helpers/tcp.ts";
import { until } from "../helpers/until.ts";

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
    /^3 events: 3 sent, 0 failed; 0 bad lines; [\d.]+ s, \d+\/s\n$/,
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
  assertEquals(summary, {
    lines: 2,
    events: 2,
    sent: 0,
    confirmed: 2,
    failed: 0,
    badLines: 0,
  });
  assertEquals(server.events, [
    ["m", { name: "E_A" }],
    ["m", { name: "E_B", a: 1 }],
  ]);
});

Deno.test("pump names wrong lines by their number, and skips them: exit code 2", async () => {
  await using server = record();
  const bad: [line: string, problem: string][] = [
    ["{", "it is not JSON"],
    ["[]", `it is not a JSON object, expected {"event":…,"params":…}`],
    ["1", "it is not a JSON object"],
    [`{"params":{}}`, `it has no "event" that is a name`],
    [`{"event":""}`, `it has no "event" that is a name`],
    [`{"event":"E","params":1}`, `its "params" are neither`],
    [`{"event":"E","parms":{}}`, `it has "parms", expected "event" and`],
    [`{"event":"E","params":{"name":1}}`, "the event param has the same name"],
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
  assertStringIncludes(stderr, "2 events: 2 sent, 0 failed; 8 bad lines");
  assertEquals(server.events.map(([event]) => event), ["E_FIRST", "E_LAST"]);
});

Deno.test("pump --strict stops at a wrong line: exit code 2", async () => {
  await using server = record();
  const input = `{"event":"E_A"}\nnonsense\n{"event":"E_B"}\n`;
  const args = ["pump", server.socket, "--strict"];
  const { code, stderr } = await runWith(input, args);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "1 events: 1 sent, 0 failed; 1 bad lines");
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
  assertStringIncludes(gone.stderr, "2 events: 0 confirmed, 2 failed");
});

Deno.test("pump prints some errors, and counts all", async () => {
  const input = "nonsense\n".repeat(1000);
  const { code, stderr } = await runWith(input, [
    "pump",
    `jsonrpc:127.0.0.1:${freePort()}`,
  ]);
  assertEquals(code, 2);
  assertEquals(stderr.match(/^error: line/gm)?.length, 10);
  assertStringIncludes(stderr, "error: 990 more errors, the last: line 1000:");
  assertStringIncludes(stderr, "1000 bad lines");
  const ten = await runWith("nonsense\n".repeat(10), ["pump", "jsonrpc:h:1"]);
  assertEquals(ten.stderr.match(/^error: line/gm)?.length, 10);
  assertEquals(ten.stderr.includes("more error"), false);
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
  await writer.write(
    new TextEncoder().encode(lines({ event: "E" }).repeat(COUNT)),
  );
  await writer.close();
  stalled.resolve(); // nearly all is read, and waits
  const { confirmed, failed } = JSON.parse((await pumping.outLine())!);
  assertEquals([confirmed, failed], [COUNT, 0]);
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
  const quiet = await runWith(input, ["pump", socket, "--quiet"]);
  assertEquals(quiet.stderr, "");
});

Deno.test("pump sends a line when it comes in", async () => {
  await using server = record();
  await using pumping = start(["pump", server.socket], "piped");
  const writer = pumping.process.stdin.getWriter();
  for (let n = 1; n <= 3; n++) {
    await writer.write(new TextEncoder().encode(lines({ event: `E_${n}` })));
    await until(() => server.events.length >= n);
  }
  await writer.close();
  assertEquals((await pumping.process.status).code, 0);
});

/** A server that counts the events it got; its handlers wait for `mayGoOn`. */
function count(mayGoOn: Promise<void> = Promise.resolve()) {
  const counts = { events: 0 };
  const server = serveEvents({ port: 0 }, () => {
    counts.events++;
    return mayGoOn;
  });
  return Object.assign(server, { counts });
}

/** Writes lines without end. */
async function writeWithoutEnd(process: Deno.ChildProcess): Promise<void> {
  const writer = process.stdin.getWriter();
  const bytes = new TextEncoder().encode(lines({ event: "E" }).repeat(1000));
  try {
    for (;;) await writer.write(bytes);
  } catch { /* it has ended */ }
}

Deno.test("pump that is interrupted before its end says how many lines it took: exit code 130 or 143", async () => {
  for (
    const [signal, code, args] of [
      ["SIGTERM", 143, []],
      ["SIGINT", 130, ["--sync"]],
      ["SIGTERM", 143, ["--quiet", "--window", "1"]],
    ] as const
  ) {
    await using server = count();
    await using pumping = start(["pump", server.socket, ...args], "piped");
    const writing = writeWithoutEnd(pumping.process);
    await until(() => server.counts.events >= 1000);
    pumping.process.kill(signal);
    assertEquals((await pumping.process.status).code, code);
    let text = "";
    for (let line; (line = await pumping.errLine()) !== undefined;) {
      text += line + "\n";
    }
    const [, taken, next] =
      /^error: interrupted before the end of the input: took (\d+) lines, line (\d+) is the next$/m
        .exec(text)!;
    assertEquals(Number(taken), server.counts.events);
    assertEquals(Number(next), server.counts.events + 1);
    await writing;
  }
});

Deno.test("pump that is interrupted delivers the lines that it took", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const going = Promise.withResolvers<void>();
    await using server = count(going.promise);
    const args = ["pump", server.socket, "--sync", "--timeout", "60000"];
    await using pumping = start(args, "piped");
    const writer = pumping.process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(lines({ event: "E_A" })));
    await until(() => server.counts.events >= 1);
    pumping.process.kill(signal);
    assertStringIncludes(
      (await pumping.errLine())!,
      "interrupted, 1 events are under way; again ends it at once",
    );
    going.resolve();
    assertStringIncludes(
      (await pumping.errLine())!,
      "took 1 lines, line 2 is the next",
    );
    assertStringIncludes((await pumping.errLine())!, "1 events: 1 confirmed");
    const { code } = await pumping.process.status;
    assertEquals(code, signal === "SIGINT" ? 130 : 143);
    await writer.abort().catch(() => {});
  }
});

Deno.test("pump tells failures again after a success, and that the server is back", async () => {
  const port = freePort();
  await using pumping = start(
    // Each event is confirmed or fails: no other tells that a server has gone.
    ["pump", `jsonrpc:127.0.0.1:${port}`, "--sync"],
    "piped",
  );
  const writer = pumping.process.stdin.getWriter();
  const write = (count: number) =>
    writer.write(new TextEncoder().encode(lines({ event: "E" }).repeat(count)));
  for (let outage = 0; outage < 2; outage++) {
    for (let n = 1; n <= 3; n++) {
      await write(1);
      assertMatch(
        (await pumping.errLine())!,
        /^error: line \d+: Cannot deliver/,
      );
    }
    await using server = serveEvents({ port }, () => {});
    await write(1);
    assertMatch(
      (await pumping.errLine())!,
      /^jsonrpc:127\.0\.0\.1:\d+ is back after \d+\.\d s, 3 events failed meanwhile$/,
    );
    await server.shutdown();
  }
  await writer.close();
  assertEquals((await pumping.process.status).code, 1);
});

Deno.test("pump --failed adds the lines that failed, as they came", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "before\n");
    await using server = serveEvents({ port: 0 }, ({ params }) => {
      if (!("ok" in params)) throw new ServerError(1, "no");
    });
    const bytes = (text: string) => new TextEncoder().encode(text);
    const failing = [
      bytes(` {"params":{"n":1.50, "n":2},"event":"E\\u0041"} \r\n`),
      Uint8Array.of(...bytes(`{"event":"E","params":["J`), 0xfc, 0x22, 0x0a),
      bytes("nonsense\n"),
      bytes(`{"event":"é漢"}\n`),
    ];
    const good = bytes(lines({ event: "E", params: { ok: true } }));
    const input = new Blob(failing.flatMap((line) => [line, good]));
    const { code, stderr } = await runWith(
      input,
      ["pump", server.socket, "--sync", "--failed", path],
      ["--allow-net", `--allow-write=${path}`],
    );
    assertEquals(code, 3, stderr);
    const kept = await new Blob([bytes("before\n"), ...failing]).bytes();
    const actual = await Deno.readFile(path);
    // Wrong lines are found before others have failed.
    const sorted = (bytes: Uint8Array) =>
      new TextDecoder("latin1").decode(bytes).split("\n").sort();
    assertEquals(sorted(actual), sorted(kept));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("pump --failed keeps the lines whose server is not there, in order", async () => {
  const path = await Deno.makeTempFile();
  try {
    const input = lines(
      ...Array.from({ length: 2500 }, (_, n) => ({ event: "E", params: [n] })),
    );
    const { code } = await runWith(
      input,
      ["pump", `jsonrpc:127.0.0.1:${freePort()}`, "--failed", path],
      ["--allow-net", "--allow-write"],
    );
    assertEquals(code, 1);
    assertEquals(await Deno.readTextFile(path), input);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test({
  name: "pump --failed refuses the file that is its input",
  ignore: Deno.build.os === "windows",
  async fn() {
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(path, lines({ event: "E" }));
      const command = [
        Deno.execPath(),
        ...denoArgs(["pump", "jsonrpc:h:1", "--failed", path], [
          "--allow-net",
          "--allow-write",
        ]),
      ].join(" ");
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", `exec ${command} < ${path}`],
      }).output();
      assertEquals(code, 2);
      assertStringIncludes(
        new TextDecoder().decode(stderr),
        "which is the standard input, expected another file",
      );
      assertEquals(await Deno.readTextFile(path), lines({ event: "E" }));
    } finally {
      await Deno.remove(path);
    }
  },
});

Deno.test("pump --delimiter sends it after each message", async () => {
  let text = "";
  await using server = serve(async (conn) => {
    for await (const bytes of conn.readable) {
      text += new TextDecoder().decode(bytes);
    }
  });
  const input = lines({ event: "E_1" }, { event: "E_2" }, { event: "E_3" });
  await runWith(input, ["pump", server.socket, "--delimiter", "\\r\\n"]);
  assertEquals(
    text.split("\r\n").map((text) => text && JSON.parse(text).method),
    ["E_1", "E_2", "E_3", ""],
  );
});

Deno.test("pump sends params as they stand in the line", async () => {
  const params = [
    `[1e-400,4503599627370497.51,12345678901234567890,0.10,-0,1e21]`,
    `{"b":1,"10":2, "b":{"2":0,"1":"\\u00e9"}}`,
    `{"a":{"x":1,"x":2}}`,
  ];
  const texts: string[] = [];
  await using server = serve(async (_, reader) => {
    texts.push(...await reader.all());
  });
  const input = params
    .map((text) => `{"event":"E","params":${text}}\n`).join("");
  const { code, stderr } = await runWith(input, ["pump", server.socket]);
  assertEquals(code, 0, stderr);
  assertEquals(
    texts,
    params.map((text) =>
      `{"id":null,"jsonrpc":"2.0","method":"E","params":${text}}`
    ),
  );
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
  assertEquals(JSON.parse(stdout).confirmed, count);
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
    assertStringIncludes(shown, "\r\x1b[K0 events, 0/s, 0 failed, 1 in flight");
    // A message takes the place of the status.
    assertEquals(/in flight[^\r\n]*error/.test(shown), false, shown);
    assertStringIncludes(shown, "1 events: 0 confirmed, 1 failed");
    const quiet = await onTerminal([...args, "--quiet"], {}, input);
    assertEquals(quiet.includes("in flight"), false);
  },
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
  assertStringIncludes(stderr, "4 events: 0 sent, 4 failed; 1 bad lines");
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
