import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { EventClient, serveEvents } from "../../mod.ts";
import {
  denoArgs,
  exchange,
  needs,
  onTerminal,
  run,
  start,
  startListen,
} from "../helpers/command.ts";
import {
  freePort,
  gate,
  hasIpv6,
  needsIpv6,
  send,
  serve,
  TextReader,
} from "../helpers/tcp.ts";

const SOCKET = "jsonrpc:127.0.0.1:8080";

// Help and wrong use.

Deno.test("the command prints its help", async () => {
  for (const flag of ["--help", "-h"]) {
    const { code, stdout, stderr } = await run([flag]);
    assertEquals([code, stderr], [0, ""]);
    for (
      const text of [
        "Usage:",
        "raise",
        "listen",
        "Examples",
        "Exit codes",
        "130",
      ]
    ) {
      assertStringIncludes(stdout, text);
    }
  }
});

Deno.test("the command takes help for --help", async () => {
  assertStringIncludes((await run(["help"])).stdout, "Exit codes");
  const { code, stdout } = await run(["help", "listen"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "Usage: event-jsonrpc listen");
});

Deno.test("the command prints its version", async () => {
  for (const flag of ["--version", "-V"]) {
    assertEquals(await run([flag]), {
      code: 0,
      stdout: `event-jsonrpc ${config.version}\n`,
      stderr: "",
    });
  }
});

for (
  const [command, options] of [
    ["raise", [
      "params",
      "sync",
      "timeout",
      "event-param",
      "delimiter",
      "count",
      "rate",
      "dry-run",
      "json",
      "quiet",
    ]],
    ["listen", [
      "result",
      "error",
      "count",
      "only",
      "raw",
      "json",
      "verbose",
      "page",
      "token",
      "metrics",
      "at",
      "event",
      "advertise",
      "expire",
      "check",
    ]],
    ["events", ["json"]],
    ["pump", [
      "sync",
      "timeout",
      "event-param",
      "delimiter",
      "window",
      "strict",
      "failed",
      "json",
      "quiet",
    ]],
    ["hub", [
      "publish",
      "subscribe",
      "allow",
      "sync",
      "timeout",
      "event-param",
      "token",
      "metrics",
      "log-level",
      "json",
    ]],
  ] as const
) {
  Deno.test(`${command} --help tells every option, and examples`, async () => {
    const { code, stdout, stderr } = await run([command, "x", "--help"]);
    assertEquals([code, stderr], [0, ""]);
    for (const option of options) assertStringIncludes(stdout, `--${option}`);
    assertMatch(stdout, new RegExp(`Examples:\n  event-jsonrpc ${command}`));
    assert(stdout.indexOf("Examples:") < stdout.indexOf("Options:"));
    assertStringIncludes(stdout, "Exit codes:");
    assertEquals(stdout.split("\n").filter((line) => line.length > 80), []);
  });
}

Deno.test("no help is wider than a terminal of 80 columns", async () => {
  for (const command of [[], ["events"], ["outbox"], ["completions"]]) {
    const { code, stdout } = await run([...command, "--help"]);
    assertEquals(code, 0);
    assertEquals(stdout.split("\n").filter((line) => line.length > 80), []);
  }
});

const WRONG: [args: string[], error: string, help?: string][] = [
  [["help", "nonsense"], 'unknown command "nonsense"'],
  [["--help", "rasie"], 'unknown command "rasie", did you mean'],
  [["nonsense", "--help"], 'unknown command "nonsense"'],
  [
    ["hub", "0", "--allow", "h:80/m"],
    `--allow is "h:80/m", expected <host> or <host>:<port>`,
    "hub",
  ],
  [
    ["raise", "virtual:FAILOVR jsonrpc:h:1", "E_X"],
    "expected PARALLEL, FAILOVER or ROUND-ROBIN at position 8",
    "raise",
  ],
  [
    ["raise", "virtual:PARALLEL jsonrpc:h:x", "E_X"],
    "expected a port from 1 to 65535",
    "raise",
  ],
  [["pump"], "no socket is given", "pump"],
  [
    ["pump", SOCKET, "x"],
    `"x" is one argument too many, expected one socket`,
    "pump",
  ],
  [["pump", "h:1"], "Cannot parse socket", "pump"],
  [["pump", SOCKET, "--window", "0"], `--window is "0"`, "pump"],
  [["pump", SOCKET, "--timeout", "x"], `--timeout is "x"`, "pump"],
  [["hub", "1", "2"], `"2" is one argument too many`, "hub"],
  [
    ["hub", "0", "--subscribe", "E_X"],
    `--subscribe is "E_X", expected <event>=<socket>`,
    "hub",
  ],
  [["hub", "0", "--subscribe", "E_X=h:1"], "Cannot parse socket", "hub"],
  [
    ["hub", "0", "--allow", "a b"],
    `--allow is "a b", expected <host> or <host>:<port>`,
    "hub",
  ],
  [["hub", "0", "--alow=h"], `did you mean "--allow"?`, "hub"],
  [["raise", SOCKET, "E_X", "--_=5"], "unknown option --_", "raise"],
  [
    ["raise", SOCKET, "E_X", "--sync=maybe"],
    "option --sync takes no value",
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--dry-run", "--dry-run=false"],
    "option --dry-run takes no value",
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--help=x"],
    "option --help takes no value",
    "raise",
  ],
  [
    ["raise", SOCKET, "ip=1"],
    `the event is "ip=1", expected a name such as E_PIKE_BLOCKED before the params`,
    "raise",
  ],
  [
    [],
    "no command is given, expected raise, pump, listen, hub, outbox, events, or completions",
  ],
  [["rasie"], `unknown command "rasie", did you mean "raise"?`],
  [["lisen", "8080"], `unknown command "lisen", did you mean "listen"?`],
  [["frobnicate"], `unknown command "frobnicate"\n`],
  [["--verbose"], "unknown option --verbose"],
  [["toString"], `unknown command "toString"`],
  [
    ["raise"],
    "no socket is given, expected jsonrpc:host:port[/method]",
    "raise",
  ],
  [["raise", SOCKET], "no event is given, expected a name", "raise"],
  [["raise", SOCKET, ""], "no event is given", "raise"],
  [
    ["raise", "127.0.0.1:8080", "E_X"],
    `Cannot parse socket "127.0.0.1:8080": expected "jsonrpc:", "jsonrpcs:" or "tcp:" at position 0`,
    "raise",
  ],
  [["raise", SOCKET + "x", "E_X"], `expected a port from 1 to 65535`, "raise"],
  [
    ["raise", SOCKET, "E_X", "--snyc"],
    `unknown option --snyc, did you mean "--sync"?`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--tiemout=1"],
    `unknown option --tiemout, did you mean "--timeout"?`,
    "raise",
  ],
  [["raise", SOCKET, "E_X", "--no-sync"], `unknown option --no-sync`, "raise"],
  [
    ["raise", SOCKET, "E_X", "-5"],
    `unknown option -5 (after "--", words that begin with "-" are no options)`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--timeout"],
    "option --timeout needs a value",
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--timeout="],
    "option --timeout needs a value",
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--timeout", "0"],
    `--timeout is "0", expected an integer from 1 to 2147483647`,
    "raise",
  ],
  [["raise", SOCKET, "E_X", "--timeout", "1s"], `--timeout is "1s"`, "raise"],
  [["raise", SOCKET, "E_X", "--timeout", "1e3"], `--timeout is "1e3"`, "raise"],
  [
    ["raise", SOCKET, "E_X", "--timeout", "1", "--timeout=2"],
    "option --timeout is given twice",
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--timeout", "--sync"],
    `--timeout is "--sync", expected an integer`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "a=1", "b"],
    `param "a=1" has a name and "b" has none: expected all with a name, or none`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "a", "b:=1"],
    `param "a" has no name and "b:=1" has one`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "=1"],
    `param "=1" has no name before "="`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "a:={"],
    `the value of param "a:={" is not JSON`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "a:="],
    `the value of param "a:=" is not JSON`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--params", "3"],
    `--params is 3, expected a JSON object or array`,
    "raise",
  ],
  [["raise", SOCKET, "E_X", "--params", "null"], `--params is null`, "raise"],
  [["raise", SOCKET, "E_X", "--params", "{"], `--params is not JSON`, "raise"],
  [
    ["raise", SOCKET, "E_X", "a=1", "--params", "{}"],
    `both --params and param "a=1" are given`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "e=1", "--event-param", "e"],
    `Cannot use params.e: the event param has the same name`,
    "raise",
  ],
  [["listen", "8080", "9090"], `"9090" is one argument too many`, "listen"],
  [
    ["listen", "65536"],
    `the port is "65536", expected an integer from 0 to 65535`,
    "listen",
  ],
  [["listen", "host"], `the port is "host"`, "listen"],
  [
    ["listen", "jsonrpcs:127.0.0.1:0"],
    "jsonrpcs:127.0.0.1:0 is over TLS, expected --cert and --key with it",
    "listen",
  ],
  [["listen", ":x"], `the port is "x", expected an integer`, "listen"],
  [["listen", ":"], `the port is ""`, "listen"],
  [["hub", ":65536"], `the port is "65536"`, "hub"],
  [
    ["raise", SOCKET, "E_X", "--delimiter", "x"],
    `--delimiter is "x", expected white space`,
    "raise",
  ],
  [
    ["pump", SOCKET, "--delimiter", "\\n\\0"],
    `--delimiter is "\\\\n\\\\0", expected white space`,
    "pump",
  ],
  [
    ["raise", SOCKET, "E_X", "a=J\ufffdrgen"],
    `argument "a=J\ufffdrgen" holds U+FFFD`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_\ufffd"],
    "which Deno puts in place of bytes that are not UTF-8",
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--params", "@none.json"],
    `the file of --params, "none.json", cannot be read: there is no permission, run it with --allow-read=none.json`,
    "raise",
  ],
  [
    ["raise", SOCKET, "E_X", "--params", "-"],
    "standard input, given as --params, is not JSON",
    "raise",
  ],
  [
    ["pump", SOCKET, "--failed", "x"],
    "cannot write --failed: there is no permission, run it with --allow-write=x",
    "pump",
  ],
  [
    ["listen", "::1:8080"],
    `expected [[host:]port] with an IPv6 host in brackets`,
    "listen",
  ],
  [["listen", "0", "--cuont", "1"], `did you mean "--count"?`, "listen"],
  [["listen", "0", "--count", "0"], `--count is "0"`, "listen"],
  [["listen", "0", "--raw", "--json"], "--json and --raw are given", "listen"],
  [["listen", "0", "--page", "x"], `--page: the port is "x"`, "listen"],
  [["listen", "0", "--metrics", "::1:1"], "--metrics: cannot listen", "listen"],
  [["listen", "0", "--token", "12345678"], "without --page", "listen"],
  [
    ["listen", "0", "--page", "0", "--token", "1234567"],
    "--token: Cannot use a token of 7 characters: expected at least 8",
    "listen",
  ],
  [
    ["hub", "0", "--token", "short"],
    "--token: Cannot use a token of 5 characters: expected at least 8",
    "hub",
  ],
  [["hub", "0", "--metrics", "x"], `--metrics: the port is "x"`, "hub"],
  [
    ["hub", "0", "--log-level", "loud"],
    `--log-level is "loud", expected debug, info, warn, error`,
    "hub",
  ],
  [["listen", "0", "--result", "yes"], `--result is not JSON`, "listen"],
  [
    ["listen", "0", "--error", "404"],
    `--error is "404", expected <code>:<message>`,
    "listen",
  ],
  [
    ["listen", "0", "--error", "1:x", "--result", "1"],
    `both --result and --error are given`,
    "listen",
  ],
];

for (const [args, error, help] of WRONG) {
  Deno.test(`the command refuses: ${args.join(" ")}`, async () => {
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stdout], [2, ""]);
    assertEquals(stderr.startsWith("error: "), true, stderr);
    assertStringIncludes(stderr, error);
    assertStringIncludes(
      stderr,
      `\nTry "event-jsonrpc${help === undefined ? "" : ` ${help}`} --help".\n`,
    );
  });
}

// Params.

const PARAMS: [words: string[], params: string][] = [
  [
    ["--params", `{"a":{"b":"\\":{","c":["x:y"]},"d e":1e21}`],
    `{"a":{"b":"\\":{","c":["x:y"]},"d e":1e21}`,
  ],
  [[], `{}`],
  [["ip=192.168.2.11"], `{"ip":"192.168.2.11"}`],
  [["n:=5", "b:=true", 'o:={"a":[null]}'], `{"n":5,"b":true,"o":{"a":[null]}}`],
  [["3", "x y", ""], `["3","x y",""]`],
  [[":=3", ":=[5]", "text"], `[3,[5],"text"]`],
  [["aor=sip:a@b;x=1"], `{"aor":"sip:a@b;x=1"}`],
  [["a:b=1", "empty=", "n=5"], `{"a:b":"1","empty":"","n":"5"}`],
  [
    ["2=b", "1=a", "2=c", "__proto__=d"],
    `{"2":"b","1":"a","2":"c","__proto__":"d"}`,
  ],
  [["naïve=漢"], `{"naïve":"漢"}`],
  [["--params", `{"b":[1,{}],"a":"x"}`], `{"b":[1,{}],"a":"x"}`],
  [["--params", "[3,5]"], `[3,5]`],
  [["--params=[]"], `{}`],
  [["--", "-5", "--sync"], `["-5","--sync"]`],
  [["--", "-n=1", "--help=2"], `{"-n":"1","--help":"2"}`],
  [["--event-param", "event", "ip=1"], `{"event":"E_X","ip":"1"}`],
  [["--event-param", "-h", "ip=1"], `{"-h":"E_X","ip":"1"}`],
  [["--event-param", "--help"], `{"--help":"E_X"}`],
  [[":=1.50e1", ":=0e9", ":=-0"], `[1.50e1,0e9,-0]`],
  [["a:=1e-400", "b:=1e400"], `{"a":1e-400,"b":1e400}`],
  [["a:= 4503599627370497.51 "], `{"a":4503599627370497.51}`],
  [[':="\\u00e9\\ufffd"'], `["\\u00e9\\ufffd"]`],
  [
    ["--params", `{"b":12345678901234567890,"1":0.10,"b":{"2":0,"1":0}}`],
    `{"b":12345678901234567890,"1":0.10,"b":{"2":0,"1":0}}`,
  ],
  [["--params", `{\r\n  "a": [\n 1, 2\n]\n}\n`], `{"a": [1, 2]}`],
  [["--event-param=event", "1"], `["E_X","1"]`],
];

for (const [words, params] of PARAMS) {
  Deno.test(`raise --dry-run prints the message of: ${words.join(" ")}`, async () => {
    assertEquals(await run(["raise", "--dry-run", SOCKET, "E_X", ...words]), {
      code: 0,
      stdout: `{"id":null,"jsonrpc":"2.0","method":"E_X","params":${params}}\n`,
      stderr: "",
    });
  });
}

Deno.test("raise --dry-run prints a request, a method, and the tcp: dialect", async () => {
  assertEquals(
    (await run(["raise", SOCKET + "/m", "E_X", "--dry-run", "--sync"])).stdout,
    `{"id":1,"jsonrpc":"2.0","method":"m","params":{}}\n`,
  );
  const tcp = ["raise", "tcp:127.0.0.1:8080", "E_X", "--dry-run"];
  assertEquals(await run([...tcp, "a=1"]), {
    code: 0,
    stdout: `{"jsonrpc":"2.0","method":"E_X","params":{"a":"1"}}\n`,
    stderr: "",
  });
  assertEquals(await run([...tcp, "1"]), {
    code: 0,
    stdout: `{"jsonrpc":"2.0","method":"E_X","params":["1"]}\n`,
    stderr: "",
  });
});

// What becomes of an event.

Deno.test("raise sends a notification: exit code 0", async () => {
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    received.resolve(await reader.all());
  });
  const { code, stdout, stderr } = await run([
    "raise",
    server.socket,
    "E_PIKE_BLOCKED",
    "ip=192.168.2.11",
  ]);
  assertEquals([code, stdout], [0, ""]);
  assertMatch(
    stderr,
    /^sent E_PIKE_BLOCKED to jsonrpc:127\.0\.0\.1:\d+ \(84 bytes, [\d.]+ ms\)\n$/,
  );
  assertEquals(await received.promise, [
    `{"id":null,"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}`,
  ]);
});

/** A server that answers each request with `member`. */
const answering = (member: string) =>
  serve(async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      await send(conn, `{"id":${JSON.parse(text).id},${member}}`);
    }
  });

Deno.test("raise --sync prints the result: exit code 0", async () => {
  await using server = answering(`"result":{"blocked":true}`);
  const args = ["raise", server.socket, "E_X", "--sync"];
  const { code, stdout, stderr } = await run(args);
  assertEquals([code, stdout], [0, `{"blocked":true}\n`]);
  assertMatch(stderr, /^confirmed E_X by jsonrpc:127\.0\.0\.1:\d+ \(/);
  assertEquals(await run([...args, "--quiet"]), {
    code: 0,
    stdout: `{"blocked":true}\n`,
    stderr: "",
  });
});

Deno.test("raise sends to a virtual socket", async () => {
  await using server = answering(`"result":1`);
  const socket =
    `virtual:FAILOVER jsonrpc:127.0.0.1:${freePort()} ${server.socket}`;
  const { code, stdout, stderr } = await run([
    "raise",
    socket,
    "E_X",
    "--sync",
  ]);
  assertEquals([code, stdout], [0, "1\n"]);
  assertMatch(stderr, /^confirmed E_X by jsonrpc:127\.0\.0\.1:\d+ \(/);
  assertStringIncludes(stderr, server.socket);
  const json = await run(["raise", socket, "E_X", "--json"]);
  assertEquals(JSON.parse(json.stdout).via, server.socket);
  assertStringIncludes(json.stderr, "warning: virtual:FAILOVER");
  const dry = await run(["raise", `${socket}/m`, "E_X", "--dry-run"]);
  assertEquals(
    dry.stdout,
    `{"id":null,"jsonrpc":"2.0","method":"E_X","params":{}}\n` +
      `{"id":null,"jsonrpc":"2.0","method":"m","params":{}}\n`,
  );
});

Deno.test("raise --json prints one object on one line", async () => {
  await using server = answering(`"result":[1,null]`);
  const { socket } = server;
  const json = async (args: string[]) => {
    const { code, stdout, stderr } = await run(["raise", ...args, "--json"]);
    assertEquals(stderr, "");
    assertMatch(stdout, /^[^\n]+\n$/);
    const { ms, ...rest } = JSON.parse(stdout);
    assert(ms >= 0);
    return { code, ...rest };
  };
  assertEquals(await json([socket, "E_X"]), {
    code: 0,
    event: "E_X",
    socket,
    outcome: "sent",
  });
  assertEquals(await json([socket, "E_X", "--sync"]), {
    code: 0,
    event: "E_X",
    socket,
    outcome: "confirmed",
    result: [1, null],
  });
  await using refusing = answering(
    `"error":{"code":404,"message":"No such user","data":{"a":1}}`,
  );
  assertEquals(await json([refusing.socket, "E_X", "--sync"]), {
    code: 3,
    event: "E_X",
    socket: refusing.socket,
    outcome: "failed",
    error: {
      name: "ServerError",
      message: "No such user",
      code: 404,
      data: { a: 1 },
      mayHaveArrived: true,
    },
  });
  const gone = `jsonrpc:127.0.0.1:${freePort()}`;
  const { code, error } = await json([gone, "E_X"]);
  assertEquals([code, error.name, error.mayHaveArrived], [
    1,
    "ConnectError",
    false,
  ]);
});

Deno.test("raise tells that nobody is there: exit code 1", async () => {
  const socket = `jsonrpc:127.0.0.1:${freePort()}`;
  const { code, stdout, stderr } = await run(["raise", socket, "E_X"]);
  assertEquals([code, stdout], [1, ""]);
  assertMatch(
    stderr,
    /^error: Cannot deliver "E_X" to jsonrpc:\S+: cannot connect: Connection refused .*; is a server listening at port \d+\?/,
  );
});

Deno.test("raise tells that the server closed: exit code 1", async () => {
  await using server = serve(async (_, reader) => {
    await reader.message();
  });
  const { code, stderr } = await run([
    "raise",
    server.socket,
    "E_X",
    "--sync",
    "--quiet",
  ]);
  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    "the server closed the connection; the server may have received it",
  );
});

Deno.test("raise tells the server's error: exit code 3", async () => {
  await using server = answering(
    `"error":{"code":404,"message":"No such\\u001b[31m user","data":["bob"]}`,
  );
  assertEquals(await run(["raise", server.socket, "E_X", "--sync"]), {
    code: 3,
    stdout: "",
    stderr:
      `error: the server answered with error 404: No such\\u001b[31m user (["bob"])\n`,
  });
});

Deno.test("raise cuts an error that the server made long", async () => {
  await using server = answering(
    `"error":{"code":1,"message":"${"x".repeat(500_000)}"}`,
  );
  const { stderr } = await run(["raise", server.socket, "E_X", "--sync"]);
  assertMatch(
    stderr,
    /^error: the server answered with error 1: x{900,1000}…\n$/,
  );
});

Deno.test("raise exits by what all sockets of a virtual one have in common", async () => {
  await using refusing = answering(`"error":{"code":404,"message":"no"}`);
  await using silent = serve(async (_, reader) => void await reader.all());
  const raise = (sockets: string[]) =>
    run([
      "raise",
      `virtual:FAILOVER ${sockets.join(" ")}`,
      "E_X",
      "--sync",
      "--timeout",
      "300",
    ]);
  const refused = await raise([refusing.socket, `${refusing.socket}/m`]);
  assertEquals(refused.code, 3);
  assertStringIncludes(
    refused.stderr,
    "2 of 2 sockets failed: the server responded with error 404: no;",
  );
  assertEquals((await raise([silent.socket, `${silent.socket}/m`])).code, 4);
  assertEquals((await raise([silent.socket, refusing.socket])).code, 1);
});

Deno.test("raise tells that the server did not answer: exit code 4", async () => {
  await using server = serve(async (_, reader) => {
    await reader.all();
  });
  const args = ["raise", server.socket, "E_X", "--sync", "--timeout", "300"];
  const { code, stderr } = await run(args);
  assertEquals(code, 4);
  assertStringIncludes(
    stderr,
    "no response within 300 ms; the server may have received it",
  );
});

Deno.test("the command asks for no permission but the network", async () => {
  const { code, stderr } = await run(["raise", SOCKET, "E_X"], []);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `Requires net access to "127.0.0.1:8080"`);
  assertStringIncludes(stderr, "--allow-net");
  const listened = await run(["listen", "0"], []);
  assertEquals(listened.code, 1);
  assertStringIncludes(listened.stderr, "Requires net access");
});

// Listening.

Deno.test("listen prints each event, and answers requests with true", async () => {
  await using listening = await startListen([]);
  const { socket } = listening;
  assertMatch(socket, /^jsonrpc:127\.0\.0\.1:\d+$/);
  await using client = new EventClient(socket, { syncMode: true });
  assertEquals(await client.raise("E_X", { ip: "::1" }), true);
  assertMatch(
    (await listening.outLine())!,
    /^E_X \{"ip":"::1"\} id \d+$/,
  );
  await exchange(socket, `{"jsonrpc":"2.0","method":"E_Y","params":[3]}`);
  assertEquals(await listening.outLine(), "E_Y [3]");
});

Deno.test("listen lets nothing through that a terminal would act upon", async () => {
  await using listening = await startListen([]);
  const params = ["\x1b[2J\u009b\u202e"];
  await using client = new EventClient(listening.socket);
  await client.raise("E\x1b[2J\nX", params);
  assertEquals(
    await listening.outLine(),
    `E\\u001b[2J\\u000aX ["\\u001b[2J\\u009b\\u202e"]`,
  );
});

Deno.test("the command escapes what a terminal would act upon in JSON too", async () => {
  await using server = answering(`"result":"\u009b31mX\u202e"`);
  const { stdout } = await run(["raise", server.socket, "E_X", "--sync"]);
  assertEquals(stdout, `"\\u009b31mX\\u202e"\n`);
  await using listening = await startListen(["--json"]);
  await using client = new EventClient(listening.socket);
  await client.raise("E\u009bX");
  assertMatch((await listening.outLine())!, /^\{"method":"E\\u009bX",/);
});

Deno.test("listen tells what it refuses", async () => {
  await using listening = await startListen([]);
  await exchange(listening.socket, "POST /\u009b HTTP/1.1\r\n\r\n");
  assertMatch(
    (await listening.errLine())!,
    /^refused from 127\.0\.0\.1:\d+: Cannot read JSON: this looks like HTTP$/,
  );
  await exchange(listening.socket, `{"method":"m"}`);
  assertMatch(
    (await listening.errLine())!,
    /^refused from 127\.0\.0\.1:\d+: its "jsonrpc" is not "2.0"$/,
  );
});

Deno.test("listen --json prints one object for each event", async () => {
  await using listening = await startListen(["--json"]);
  await exchange(
    listening.socket,
    `{"jsonrpc":"2.0","method":"E_X","params":{"a":"\\n"},"id":"q"}` +
      `{"id":null,"jsonrpc":"2.0","method":"E_Y"}`,
  );
  const first = JSON.parse((await listening.outLine())!);
  assertEquals(Object.keys(first), ["method", "params", "id", "peer", "time"]);
  assertEquals([first.method, first.params, first.id], [
    "E_X",
    { a: "\n" },
    "q",
  ]);
  assertMatch(first.peer, /^127\.0\.0\.1:\d+$/);
  assert(Math.abs(Date.now() - Date.parse(first.time)) < 3_600_000);
  const second = JSON.parse((await listening.outLine())!);
  assertEquals([second.method, second.params, second.id], ["E_Y", {}, null]);
});

Deno.test("listen --count stops after that many, and answers the last", async () => {
  await using listening = await startListen(["--count", "2"]);
  const request = (id: number) => `{"jsonrpc":"2.0","method":"m","id":${id}}`;
  assertEquals(
    await exchange(listening.socket, [1, 2, 3].map(request).join("")),
    [1, 2].map((id) => `{"id":${id},"jsonrpc":"2.0","result":true}`).join(""),
  );
  assertEquals(await listening.outLine(), "m {} id 1");
  assertEquals(await listening.outLine(), "m {} id 2");
  assertEquals(await listening.outLine(), undefined);
  assertEquals((await listening.process.status).code, 0);
});

Deno.test("listen --count confirms no event that it does not print", async () => {
  await using listening = await startListen(["--count", "1"]);
  const request = (id: number) => `{"jsonrpc":"2.0","method":"m","id":${id}}`;
  const port = Number(listening.socket.split(":").at(-1));
  const conn = await Deno.connect({ port });
  await send(conn, `[${request(1)},${request(2)}]`);
  const reader = new TextReader(conn);
  assertEquals(
    (await reader.all()).join("") + reader.rest,
    `[{"id":1,"jsonrpc":"2.0","result":true},` +
      `{"id":2,"jsonrpc":"2.0","error":{"code":-32000,"message":"Not listening any more"}}]`,
  );
  assertEquals(await listening.outLine(), "m {} id 1");
  conn.close();
  assertEquals(await listening.outLine(), undefined);
});

Deno.test("listen answers with --result or --error", async () => {
  const request = `{"jsonrpc":"2.0","method":"m","id":1}`;
  await using good = await startListen(["--result", `{"a":[1]}`]);
  assertEquals(
    await exchange(good.socket, request),
    `{"id":1,"jsonrpc":"2.0","result":{"a":[1]}}`,
  );
  await using bad = await startListen(["--error", "-32000:No: never"]);
  assertEquals(
    await exchange(bad.socket, request),
    `{"id":1,"jsonrpc":"2.0","error":{"code":-32000,"message":"No: never"}}`,
  );
  // The event is printed all the same.
  assertEquals(await bad.outLine(), "m {} id 1");
});

Deno.test("listen listens where it is told", async () => {
  for (
    const [address, socket] of [
      ["127.0.0.1:0", /^listening at jsonrpc:127\.0\.0\.1:\d+$/],
      ...hasIpv6
        ? [["[::1]:0", /^listening at jsonrpc:\[::1\]:\d+$/] as const]
        : [],
      ["jsonrpc:127.0.0.1:0", /^listening at jsonrpc:127\.0\.0\.1:\d+$/],
      ["localhost:0", /^listening at jsonrpc:(127\.0\.0\.1|\[::1\]):\d+$/],
    ] as const
  ) {
    await using listening = start(["listen", address]);
    assertMatch((await listening.errLine())!, socket);
  }
});

Deno.test(
  needsIpv6("listen --json writes an IPv6 peer so that its port can be told"),
  async () => {
    await using listening = start(["listen", "[::1]:0", "--json"]);
    const [, socket] = (await listening.errLine())!.split(" at ");
    await using client = new EventClient(socket);
    await client.raise("E_X");
    const { peer } = JSON.parse((await listening.outLine())!);
    assertMatch(peer, /^\[::1\]:\d+$/);
  },
);

Deno.test("listen tells that the address is in use: exit code 1", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  const { code, stdout, stderr } = await run(["listen", address]);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, `error: Cannot listen at ${address}: Addr`);
});

Deno.test("listen ends by an interrupt: exit code 0", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using listening = await startListen([]);
    await using client = new EventClient(listening.socket, { syncMode: true });
    await client.raise("E_X");
    listening.process.kill(signal);
    assertMatch((await listening.outLine())!, /^E_X/);
    assertEquals(await listening.outLine(), undefined);
    const status = await listening.process.status;
    assertEquals([status.code, status.signal], [0, null]);
  }
});

Deno.test("raise ends by an interrupt", async () => {
  const asked = gate();
  await using server = serve(async (_, reader) => {
    await reader.message();
    asked.open();
    await reader.all();
  });
  const args = ["raise", server.socket, "E_X", "--sync", "--timeout", "60000"];
  await using raising = start(args);
  await asked.opened;
  raising.process.kill("SIGINT");
  assertEquals((await raising.process.status).signal, "SIGINT");
});

// Output.

Deno.test("listen ends quietly when nobody reads its output: exit code 0", async () => {
  await using listening = await startListen([]);
  await using client = new EventClient(listening.socket);
  await client.raise("E_1");
  assertEquals(await listening.outLine(), "E_1 {}");
  await listening.closeOutput();
  await client.raise("E_2");
  assertEquals((await listening.process.status).code, 0);
  assertEquals(await listening.errLine(), undefined);
});

Deno.test("raise delivers though nobody reads its output: exit code 0", async () => {
  const asked = gate(), answer = gate();
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    asked.open();
    await answer.opened;
    await send(conn, `{"id":${id},"result":true}`);
    await reader.next();
  });
  await using raising = start([
    "raise",
    server.socket,
    "E_X",
    "--sync",
    "--quiet",
    "--timeout",
    "60000",
  ]);
  await asked.opened;
  await raising.closeOutput();
  answer.open();
  assertEquals((await raising.process.status).code, 0);
  assertEquals(await raising.errLine(), undefined);
});

Deno.test("listen prints 20,000 events to a slow reader, in order", async () => {
  const count = 20_000;
  await using listening = await startListen(["--count", `${count}`]);
  await using client = new EventClient(listening.socket, {
    timeoutMs: 60_000,
  });
  for (let n = 0; n < count; n++) client.raise("E_X", [n, "x".repeat(200)]);
  for (let n = 0; n < count; n++) {
    const line = await listening.outLine();
    if (!line?.startsWith(`E_X [${n},`)) throw new Error(`${n}: ${line}`);
  }
  await client.flush();
  assertEquals(client.stats.failed.timeout, 0);
  assertEquals((await listening.process.status).code, 0);
});

Deno.test({
  name: "the command tells that its output could not be written: exit code 1",
  ignore: Deno.build.os !== "linux", // for /dev/full
  async fn() {
    for (const args of [["raise", SOCKET, "E_X", "--dry-run"], ["--help"]]) {
      const command = [Deno.execPath(), ...denoArgs(args)].join(" ");
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", `${command} > /dev/full`],
        env: { NO_COLOR: "1" },
      }).output();
      assertEquals(code, 1);
      assertMatch(
        new TextDecoder().decode(stderr),
        /^error: cannot write the output: No space left on device.*\n$/,
      );
    }
  },
});

Deno.test({
  name: "the command exits alike though its messages cannot be written",
  ignore: Deno.build.os !== "linux", // for /dev/full
  async fn() {
    await using server = serveEvents({ port: 0 }, {
      E_X: () => true,
    });
    for (
      const [args, expected] of [
        [["raise", server.socket, "E_X", "--sync"], 0],
        [["raise", server.socket, "E_OTHER", "--sync"], 3],
        [["raise", server.socket], 2],
        [["pump", server.socket], 0],
      ] as const
    ) {
      const command = [Deno.execPath(), ...denoArgs([...args])].join(" ");
      const { code } = await new Deno.Command("sh", {
        args: ["-c", `${command} 2>/dev/full`],
        stdin: "null",
      }).output();
      assertEquals(code, expected, args.join(" "));
    }
  },
});

Deno.test({
  ...await needs(
    "script",
    "the command colours errors on a terminal, unless NO_COLOR is set",
  ),
  async fn() {
    assertStringIncludes(
      await onTerminal(["raise"], { NO_COLOR: "" }),
      "\x1b[1;31merror:\x1b[0m no socket is given",
    );
    const plain = await onTerminal(["raise"], { NO_COLOR: "1" });
    assertStringIncludes(plain, "error: no socket is given");
    assertEquals(plain.includes("\x1b["), false);
  },
});
