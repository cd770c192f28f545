// `pump --outbox`, as a process that is killed, interrupted and started again.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { ServerError } from "../../mod.ts";
import { type Running, runWith, start } from "../helpers/command.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { freePort } from "../helpers/tcp.ts";
import { noting } from "../outbox/helpers.ts";
import {
  Folder,
  lines,
  numbered,
  permissionsOf,
  runOn,
} from "./outbox_helpers.ts";
import { until } from "../helpers/until.ts";

const socketAt = (port: number) => `jsonrpc:127.0.0.1:${port}`;
const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => from + i);

/** A pump whose input is written by the test. */
class Pump implements AsyncDisposable {
  readonly running: Running;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  constructor(file: string, socket: string, args: string[] = []) {
    this.running = start(
      ["pump", socket, "--outbox", file, "--ack", ...args],
      "piped",
      { permissions: permissionsOf(file) },
    );
    this.#input = this.running.process.stdin.getWriter();
  }

  async write(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  /** Resolves when all lines up to this one are safe. */
  async ack(line: number): Promise<void> {
    for (let said; (said = await this.running.outLine()) !== `${line}`;) {
      if (said === undefined) {
        throw new Error(`pump ended: ${await this.running.errLine()}`);
      }
    }
  }

  async end(): Promise<number> {
    await this.#input.close();
    return (await this.running.process.status).code;
  }

  async signal(signal: Deno.Signal): Promise<number> {
    this.running.process.kill(signal);
    return (await this.running.process.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.abort().catch(() => {});
    await this.running[Symbol.asyncDispose]();
  }
}

Deno.test("pump --outbox delivers when the server is there, in order", async () => {
  using folder = new Folder();
  const port = freePort();
  await using pump = new Pump(folder.file(), socketAt(port));
  await pump.write(lines(numbered(0, 50)));
  await pump.ack(50); // though nobody listens
  assertMatch(
    (await pump.running.errLine())!,
    /cannot connect: .*; it is kept, and tried again \(key "0"\)$/,
  );
  await using server = noting(() => true, port);
  await until(() => server.seen.length === 50);
  await pump.write(lines(numbered(50, 60)));
  assertEquals(await pump.end(), 0);
  assertEquals(server.numbers(), range(0, 60));
  assertMatch((await pump.running.errLine())!, /is reached again after/);
});

Deno.test("pump --outbox goes on after SIGKILL, also when nothing new comes", async () => {
  using folder = new Folder();
  const one = freePort(), two = freePort();
  for (const port of [one, two]) {
    await using pump = new Pump(folder.file(), socketAt(port));
    await pump.write(lines(numbered(0, 20)));
    await pump.ack(20);
    await pump.signal("SIGKILL"); // it is free at once
  }
  // One server comes back; the next pump is for another, and reaches both.
  await using first = noting(() => true, one);
  await using second = noting(() => true, two);
  const { code, stderr } = await runOn(folder.file(), [
    "pump",
    socketAt(two),
    "--outbox",
    folder.file(),
  ]);
  assertEquals(code, 0, stderr);
  assertEquals(first.numbers(), range(0, 20));
  assertEquals(second.numbers(), range(0, 20));
});

Deno.test("pump --outbox loses nothing, keeps the order and repeats one at most for each SIGKILL", async () => {
  using folder = new Folder();
  const seed = newSeed(), random = randomFrom(seed);
  const port = freePort();
  const kills = 6;
  let server = noting(() => true, port);
  const seen: unknown[] = [];
  let next = 0;
  for (let kill = 0; kill < kills; kill++) {
    await using pump = new Pump(folder.file(), socketAt(port));
    await pump.write(lines(numbered(next, next + 300)));
    // What was not told to be safe is given again, by the same keys.
    const safe = 1 + Math.floor(random() * 200);
    for (let line = 0; line < safe;) {
      line = Number(await pump.running.outLine());
      assert(line > 0, `seed ${seed}`);
      if (line >= safe) next += line;
    }
    if (random() < 0.5) { // the server dies first, and comes back
      await server[Symbol.asyncDispose]();
      seen.push(...server.numbers());
      server = noting(() => true, port);
    }
    await pump.signal("SIGKILL");
  }
  await runOn(folder.file(), [
    "pump",
    socketAt(port),
    "--outbox",
    folder.file(),
  ]);
  await server[Symbol.asyncDispose]();
  seen.push(...server.numbers());
  const once = [...new Set(seen)];
  assertEquals(once, range(0, next), `seed ${seed}: lost, or out of order`);
  // A server that dies may have confirmed what nobody read.
  assert(seen.length - once.length <= 2 * kills, `seed ${seed}`);
});

Deno.test("pump --outbox sets aside what the server answers with an error: exit code 3", async () => {
  using folder = new Folder();
  await using server = noting((_, { n }) => {
    if (n === 1) throw new ServerError(404, "No such call");
    return true;
  });
  const { code, stdout, stderr } = await runOn(folder.file(), [
    "pump",
    server.socket,
    "--outbox",
    folder.file(),
    "--json",
  ], lines(numbered(0, 3)));
  assertEquals(code, 3);
  assertEquals(server.numbers(), [0, 1, 2]);
  assertStringIncludes(
    stderr,
    `error: Cannot deliver "E_X" to ${server.socket}: the server answered with error 404: No such call; it is set aside (key "1")`,
  );
  assertStringIncludes(
    stderr,
    `1 event is set aside, see "event-jsonrpc outbox list ${folder.file()}"`,
  );
  const { ms, ...summary } = JSON.parse(stdout);
  assert(ms >= 0);
  assertEquals(summary, {
    lines: 3,
    stored: 3,
    known: 0,
    badLines: 0,
    delivered: 2,
    setAside: 1,
    kept: 0,
  });
});

Deno.test("pump --give-up-after ends before all is delivered: exit code 1", async () => {
  using folder = new Folder();
  const port = freePort();
  const args = ["pump", socketAt(port), "--outbox", folder.file(), "--quiet"];
  for (const ms of ["0", "100"]) {
    const { code, stderr } = await runOn(
      folder.file(),
      [...args, "--give-up-after", ms],
      lines(numbered(0, 2)),
    );
    assertEquals(
      [code, stderr],
      [1, "error: 2 events are kept for the next start\n"],
    );
  }
  await using server = noting(() => true, port);
  const { code } = await runOn(folder.file(), [
    ...args,
    "--give-up-after=60000",
  ]);
  assertEquals([code, server.numbers()], [0, [0, 1]]);
});

for (const [signal, expected] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`pump --outbox is interrupted by ${signal} while it delivers: exit code ${expected}`, async () => {
    using folder = new Folder();
    // The input has ended when the server has got something.
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    await using server = noting(() => {
      asked.resolve();
      return answer.promise;
    });
    const running = start(
      ["pump", server.socket, "--outbox", folder.file(), "--timeout=60000"],
      "piped",
      { permissions: permissionsOf(folder.file()) },
    );
    await using _ = running;
    const input = running.process.stdin.getWriter();
    await input.write(new TextEncoder().encode(lines(numbered(0, 3))));
    await input.close();
    await asked.promise;
    // That it sees the end of its input cannot be seen; it soon does.
    running.process.kill(signal);
    assertEquals((await running.process.status).code, expected);
    answer.resolve();
    let said = "", line;
    while ((line = await running.errLine()) !== undefined) said += `${line}\n`;
    assertStringIncludes(said, "error: 3 events are kept for the next start");
  });
}

Deno.test("pump --outbox says which line is the next when it is interrupted before the end", async () => {
  using folder = new Folder();
  await using server = noting();
  await using pump = new Pump(folder.file(), server.socket);
  await pump.write(lines(numbered(0, 3)));
  await pump.ack(3);
  assertEquals(await pump.signal("SIGTERM"), 143);
  assertEquals(
    await pump.running.errLine(),
    "error: interrupted before the end of the input: 3 lines are safe, line 4 is the next",
  );
});

Deno.test("pump --outbox tells a second process who delivers from the file: exit code 1", async () => {
  using folder = new Folder();
  await using server = noting();
  await using pump = new Pump(folder.file(), server.socket);
  await pump.write(lines(numbered(0, 1)));
  await pump.ack(1);
  const { code, stdout, stderr } = await runOn(folder.file(), [
    "pump",
    server.socket,
    "--outbox",
    folder.file(),
  ], lines(numbered(1, 2)));
  assertEquals([code, stdout], [1, ""]);
  assertEquals(
    stderr,
    `error: Cannot deliver from "${folder.file()}": process ${pump.running.process.pid} does\n`,
  );
});

Deno.test("pump --ack counts all lines, and stops before a wrong one with --strict", async () => {
  using folder = new Folder();
  await using server = noting();
  const input = `\n{"event":"E_X","params":{"n":0}}\nwrong\n` +
    `{"event":"E_X","params":{"n":1},"key":1}\n` +
    `{"event":"E_X","params":{"n":1},"key":"a\\u0007"}\n` +
    `{"event":"E_X","params":{"key":1}}\n` +
    `{"method":"E_X","params":{"n":2},"id":1,"key":"k"}\n`;
  const args = [
    "pump",
    server.socket,
    "--outbox",
    folder.file(),
    "--ack",
    "--key-param=key",
  ];
  const strict = await runOn(folder.file(), [...args, "--strict"], input);
  assertEquals(strict.code, 2);
  assertEquals(strict.stdout.split("\n").at(-2), "2");
  assertEquals(server.seen.splice(0).map(({ n }) => n), [0]);

  const { code, stdout, stderr } = await runOn(folder.file(), args, input);
  assertEquals([code, stdout], [2, "7\n"]);
  for (
    const problem of [
      "line 3: it is not JSON",
      `line 4: its "key" is not a text`,
      `line 5: Cannot use key "a\\u0007"`,
      "line 6: ",
    ]
  ) assertStringIncludes(stderr, `error: ${problem}`);
  assertEquals(server.numbers(), [0, 2]);
  assertEquals(server.seen[1], { n: 2, key: "k" });
});

Deno.test("pump --outbox stores the same key once, also when it was delivered", async () => {
  using folder = new Folder();
  await using server = noting();
  const args = ["pump", server.socket, "--outbox", folder.file()];
  await runOn(folder.file(), args, lines(numbered(0, 3)));
  const { code, stderr } = await runOn(
    folder.file(),
    args,
    lines(numbered(1, 5)),
  );
  assertEquals(code, 0);
  assertStringIncludes(stderr, "4 lines: 2 events stored, 2 known already");
  assertEquals(server.numbers(), range(0, 5));
});

Deno.test("pump --outbox delivers to a virtual socket", async () => {
  using folder = new Folder();
  await using server = noting();
  const { code } = await runOn(folder.file(), [
    "pump",
    `virtual:FAILOVER ${socketAt(freePort())} ${server.socket}`,
    "--outbox",
    folder.file(),
    "--window=16",
  ], lines(numbered(0, 40)));
  assertEquals([code, server.seen.length], [0, 40]);
});

Deno.test("pump refuses what has no meaning, and names the permissions: exit code 2", async () => {
  const pump = ["pump", "jsonrpc:127.0.0.1:1"];
  for (
    const [args, problem] of [
      [["--ack"], "--ack is given without --outbox"],
      [["--give-up-after=1"], "--give-up-after is given without --outbox"],
      [["--key-param=k"], "--key-param is given without --outbox"],
      [
        ["--outbox=e.db", "--key-param=k", "--event-param=k"],
        `--key-param and --event-param are both "k"`,
      ],
      [["--outbox=e.db", "--give-up-after=x"], `--give-up-after is "x"`],
      [
        ["--outbox=e.db"],
        `there is no permission, run it with --allow-read=e.db,e.db-wal,e.db-shm,e.db-lock,e.db-ballast --allow-write=e.db,`,
      ],
    ] as const
  ) {
    const { code, stderr } = await runWith("", [...pump, ...args]);
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, problem);
  }
});

Deno.test("pump tells that a file is no outbox, and leaves it as it is: exit code 1", async () => {
  using folder = new Folder();
  await Deno.writeTextFile(folder.file(), "my diary\n".repeat(1000));
  const { code, stderr } = await runOn(folder.file(), [
    "pump",
    "jsonrpc:127.0.0.1:1",
    "--outbox",
    folder.file(),
  ]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "error: Cannot open");
  assertEquals(
    await Deno.readTextFile(folder.file()),
    "my diary\n".repeat(1000),
  );
});

Deno.test("pump --outbox takes the options of raise, and refuses what they make wrong", async () => {
  using folder = new Folder();
  await using server = noting();
  const { code, stderr } = await runOn(
    folder.file(),
    [
      ...["pump", server.socket, "--outbox", folder.file()],
      ...["--event-param=name", "--key-param=key", "--delimiter=\\n"],
    ],
    lines([...numbered(0, 1), { event: "E_X", params: { name: 1 } }]),
  );
  assertEquals(code, 2);
  assertStringIncludes(stderr, "line 2: ");
  assertEquals(server.seen, [{ name: "E_X", n: 0, key: "0" }]);
});
