// `listen --at`, as a process, beside an OpenSIPS that responds as recorded ones.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import recorded from "../data/opensips-wire.json" with { type: "json" };
import { run, type Running, start } from "../helpers/command.ts";
import { FakeOpenSips, type Version } from "../opensips/fake_opensips.ts";

/** Starts `listen --at`; `socket` is the one that it listens at. */
async function listenAt(
  url: string,
  ...args: string[]
): Promise<Running & { socket: string }> {
  const running = start(["listen", "0", "--at", url, ...args]);
  const [, socket] = /^listening at jsonrpc:(.*)$/.exec(
    (await running.errLine()) ?? "",
  ) ?? [];
  assert(socket !== undefined, "it listens");
  return { ...running, socket };
}

/** Sends a message to a socket, as OpenSIPS does. */
async function send(socket: string, message: string): Promise<void> {
  const [, hostname, port] = socket.split(":");
  using conn = await Deno.connect({ hostname, port: Number(port) });
  await conn.write(new TextEncoder().encode(message));
}

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

for (
  const [version, dialect, event] of [
    ["3.0", "jsonrpc", "E_CASE_00"],
    ["4.0", "tcp", "E_CASE_02"],
  ] as [Version, string, string][]
) {
  Deno.test(`listen --at prints a first event of OpenSIPS ${version} by one command`, async () => {
    await using fake = new FakeOpenSips(version, [event]);
    await using listening = await listenAt(fake.url, "--event", event);
    assertEquals(
      await listening.errLine(),
      `subscribed ${event} to ${dialect}:${listening.socket}`,
    );
    const message = recorded.find((m) =>
      m.opensips === version && m.socket.startsWith(`${dialect}:`) &&
      m.event === event && !m.sync
    )!;
    const [socket] = fake.subscribers(event);
    await send(socket!, message.text);
    const { method, params } = JSON.parse(message.text);
    assertEquals(
      await listening.outLine(),
      `${method} ${JSON.stringify(params)}`,
    );
    listening.process.kill("SIGTERM");
    assertEquals((await listening.process.status).code, 0);
    assertEquals(fake.subscribers(event), []);
    assertEquals(await listening.errLine(), undefined);
  });
}

Deno.test("listen --at subscribes what fits a pattern, for --expire seconds, as --advertise", async () => {
  await using fake = new FakeOpenSips("4.0", ["E_UL_A", "E_UL_B", "E_X"]);
  await using listening = await listenAt(
    fake.url,
    "--event",
    "E_UL_*",
    "--event=E_X",
    "--expire",
    "60",
    "--advertise=localhost",
  );
  const port = listening.socket.split(":").at(-1);
  for (const event of ["E_UL_A", "E_UL_B", "E_X"]) {
    assertEquals(
      await listening.errLine(),
      `subscribed ${event} to tcp:localhost:${port}`,
    );
  }
  assertEquals(fake.subscriptions.map(({ expire }) => expire), [60, 60, 60]);
});

Deno.test("listen --at explains what OpenSIPS refuses, and goes on", async () => {
  for (
    const [args, ...errors] of [
      [
        ["--event=E_XX"],
        'error: Cannot subscribe "E_XX": the event "E_XX" is not published, did you mean "E_X"?; published are E_CORE_SR_STATUS_CHANGED, ',
      ],
      [
        ["--event", "E_NONE_*"],
        'error: Cannot subscribe "E_NONE_*": no event is called "E_NONE_*"; published are ',
      ],
      [
        ["--event=E_X", "--event=E_Y", "--advertise=nowhere.invalid:8080"],
        'error: Cannot subscribe "E_X": OpenSIPS takes neither "tcp:nowhere.invalid:8080" nor "jsonrpc:nowhere.invalid:8080": it has loaded neither event_stream (3.1 and later) nor event_jsonrpc (up to 3.0), or cannot resolve the host to an IPv4 address',
        'error: Cannot subscribe "E_Y": for the same reason',
      ],
    ] as const
  ) {
    await using fake = new FakeOpenSips("4.0");
    await using listening = await listenAt(fake.url, "--check=20", ...args);
    for (const error of errors) {
      assertStringIncludes((await listening.errLine())!, error);
    }
    // It is asked for at each check, and told once.
    fake.events.push("E_NEW");
    await fake.asked("subscribers_list", 3);
    listening.process.kill("SIGINT");
    assertEquals((await listening.process.status).code, 0);
  }
});

Deno.test("listen --at tells that OpenSIPS was restarted, and when events may have been missed", async () => {
  await using fake = new FakeOpenSips("3.0");
  await using listening = await listenAt(
    fake.url,
    "--event=E_X",
    "--event=E_Y",
    "--check=20",
  );
  assertMatch((await listening.errLine())!, /^subscribed E_X to jsonrpc:/);
  assertMatch((await listening.errLine())!, /^subscribed E_Y to jsonrpc:/);
  fake.subscriptions = []; // it was down for less than a check
  assertMatch(
    (await listening.errLine())!,
    RegExp(
      `^lost E_X, E_Y: OpenSIPS was restarted, or somebody ended the subscriptions; they were there at ${TIME}$`,
    ),
  );
  for (const event of ["E_X", "E_Y"]) {
    assertMatch(
      (await listening.errLine())!,
      RegExp(
        `^subscribed ${event} to jsonrpc:${listening.socket} again; events may have been missed from ${TIME} to ${TIME}$`,
      ),
    );
  }
});

Deno.test("listen --at waits for an OpenSIPS that is not up yet", async () => {
  await using fake = new FakeOpenSips("4.0");
  await fake.stop();
  await using listening = await listenAt(
    fake.url,
    "--event=E_X",
    "--check=50",
  );
  assertMatch(
    (await listening.errLine())!,
    /^waiting for OpenSIPS: Cannot ask http:.*refused/,
  );
  fake.start();
  assertMatch(
    (await listening.errLine())!,
    /^OpenSIPS responds after \d+\.\d s$/,
  );
  assertMatch((await listening.errLine())!, /^subscribed E_X to tcp:/);
});

Deno.test("listen --at ends by a signal while it waits for OpenSIPS: exit code 0", async () => {
  await using fake = new FakeOpenSips("4.0");
  await fake.stop();
  await using listening = await listenAt(fake.url, "--event=E_X");
  assertMatch((await listening.errLine())!, /^waiting for OpenSIPS/);
  listening.process.kill("SIGTERM");
  assertEquals((await listening.process.status).code, 0);
});

Deno.test("listen --at hints at the path when something else responds", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("<html>", { status: 404 }),
  );
  await using listening = await listenAt(
    `http://127.0.0.1:${server.addr.port}`,
    "--event=E_X",
  );
  assertStringIncludes(
    (await listening.errLine())!,
    'found "<html>" with the status 404 of HTTP; the path of mi_http is /mi by default, here it is /',
  );
});

Deno.test("listen --at ends by a signal though OpenSIPS hangs: exit code 130 or 143", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    await using fake = new FakeOpenSips("4.0");
    await using listening = await listenAt(fake.url, "--event=E_X");
    assertMatch((await listening.errLine())!, /^subscribed E_X/);
    fake.isHanging = true;
    listening.process.kill(signal);
    assertEquals((await listening.process.status).code, code);
    assertEquals(
      await listening.errLine(),
      "error: interrupted before OpenSIPS had ended the subscriptions; they end when their time is over",
    );
  }
});

Deno.test("listen --at ends its subscriptions by --count too", async () => {
  await using fake = new FakeOpenSips("4.0");
  await using listening = await listenAt(
    fake.url,
    "--event=E_X",
    "--count=1",
    "--json",
  );
  assertMatch((await listening.errLine())!, /^subscribed E_X/);
  await send(
    fake.subscribers("E_X")[0]!,
    `{"jsonrpc":"2.0","method":"E_X","params":{}}`,
  );
  assertEquals(JSON.parse((await listening.outLine())!).method, "E_X");
  assertEquals((await listening.process.status).code, 0);
  assertEquals(fake.subscribers("E_X"), []);
});

Deno.test("listen --at refuses what cannot work: exit code 2", async () => {
  const at = ["--at", "http://127.0.0.1:8888/mi"];
  const remote = ["--at=http://192.0.2.1:8888/mi", "--event=E_X"];
  for (
    const [args, error] of [
      [["0", ...at], "--at needs --event"],
      [
        ["0", "--event=E_X"],
        "--event, --advertise, --expire and --check go with --at",
      ],
      [["0", "--check=5"], "go with --at, the address of mi_http, such as"],
      [
        ["0", "--at=127.0.0.1:8888", "--event=E_X"],
        '--at is "127.0.0.1:8888", expected the address of mi_http, such as http://127.0.0.1:8888/mi',
      ],
      [
        ["0", "--at=ftp://h/mi", "--event=E_X"],
        '--at is "ftp://h/mi", expected the address',
      ],
      [
        ["0", ...at, "--event=E_X", "--expire=1"],
        '--expire is "1", expected an integer from 2',
      ],
      [["0", ...at, "--event=E_X", "--check=0"], '--check is "0"'],
      [["0", ...at, "--event=E_X", "--cert=c"], "without TLS only"],
      [["jsonrpcs:127.0.0.1:0", ...at, "--event=E_X"], "without TLS only"],
      [
        ["127.0.0.1:0", ...remote],
        'Cannot receive from "192.0.2.1:8888": the listener is at 127.0.0.1, which only this machine reaches; give the address by which it is reached as --advertise',
      ],
      [
        ["0", ...at, "--event=E_X", "--advertise=[::1]:8080"],
        "OpenSIPS takes IPv4 addresses and names only",
      ],
      [
        ["0", ...at, "--event=E_X", "--advertise=a b"],
        "Cannot parse socket",
      ],
    ] as [string[], string][]
  ) {
    const { code, stdout, stderr } = await run(["listen", ...args]);
    assertEquals([code, stdout], [2, ""], stderr);
    assertStringIncludes(stderr, error);
  }
});

Deno.test("listen --at says that the address is in use: exit code 1", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const { code, stderr } = await run([
    "listen",
    `${port}`,
    "--at=http://127.0.0.1:8888/mi",
    "--event=E_X",
  ]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `another program listens at port ${port}`);
});
