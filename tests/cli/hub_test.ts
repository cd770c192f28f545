import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { memberText, serveEvents, ServerError } from "../../mod.ts";
import {
  needs,
  run,
  type Running,
  start,
  startInShell,
} from "../helpers/command.ts";
import { freePort, gate, serve } from "../helpers/tcp.ts";

/** Starts `hub`; `ask` gives it a command, and resolves to the answer. */
async function startServe(args: string[]) {
  const running: Running = start(["hub", "0", ...args]);
  const line = await running.errLine();
  const url = /^listening at (http:\/\/127\.0\.0\.1:\d+)$/.exec(line ?? "")
    ?.[1];
  if (url === undefined) throw new Error(`hub said: ${line}`);
  async function ask(method: string, params: unknown = {}): Promise<unknown> {
    const response = await fetch(url + "/mi", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: "1", method, params }),
    });
    const { result, error } = await response.json();
    return result ?? error;
  }
  return { ...running, url, ask };
}

Deno.test("hub lets a server subscribe, and an application raise", async () => {
  const received = Promise.withResolvers<unknown>();
  await using server = serveEvents({ port: 0 }, ({ method, params }) => {
    received.resolve([method, params]);
  });
  await using serving = await startServe(["--publish", "E_X", "--publish=E_Y"]);
  assertEquals(await serving.ask("events_list"), {
    Events: [{ name: "E_X", id: 0 }, { name: "E_Y", id: 1 }],
  });
  const socket = `${server.socket}/m`;
  assertEquals(await serving.ask("event_subscribe", ["E_X", socket]), "OK");
  assertEquals(await serving.ask("raise_event", ["E_X", { a: 1 }]), "OK");
  assertEquals(await received.promise, ["m", { a: 1 }]);
});

Deno.test("hub takes subscribers and options of delivery", async () => {
  const received: unknown[] = [];
  const both = gate();
  await using server = serveEvents({ port: 0 }, ({ method, params, id }) => {
    received.push([method, params, id === null]);
    if (received.length === 2) both.open();
  });
  await using serving = await startServe([
    "--subscribe",
    `E_X=${server.socket}/a=b`,
    "--subscribe",
    `E_Y=virtual:FAILOVER jsonrpc:127.0.0.1:${freePort()} ${server.socket}`,
    "--sync",
    "--event-param",
    "name",
  ]);
  assertEquals(await serving.ask("raise_event", ["E_X"]), "OK");
  assertEquals(await serving.ask("raise_event", ["E_Y"]), "OK");
  await both.opened;
  assertEquals(received.sort(), [
    ["E_Y", { name: "E_Y" }, false],
    ["a=b", { name: "E_X" }, false],
  ]);
});

Deno.test("hub --allow decides where events may go", async () => {
  await using serving = await startServe([
    "--publish=E_X",
    "--allow=127.0.0.1:8080",
    "--allow=[::1]",
    "--allow=app_server",
  ]);
  const subscribe = (socket: string) =>
    serving.ask("event_subscribe", ["E_X", socket]);
  assertEquals(await subscribe("jsonrpc:127.0.0.1:8080/m"), "OK");
  assertEquals(await subscribe("jsonrpc:[::1]:9999"), "OK");
  assertEquals(await subscribe("jsonrpc:app_server:1"), "OK");
  const forbidden = { code: 403, message: "Forbidden" };
  assertEquals(await subscribe("jsonrpc:127.0.0.1:8081"), forbidden);
  assertEquals(await subscribe("jsonrpc:evil:8080"), forbidden);
});

Deno.test("hub logs when a socket refuses events, and when it takes them again", async () => {
  let refuses = true;
  await using server = serveEvents({ port: 0 }, () => {
    if (refuses) throw new ServerError(404, "No\u001b user");
  });
  const subscribe = ["--sync", "--subscribe", `E_X=${server.socket}`];
  await using serving = await startServe(subscribe);
  await serving.ask("raise_event", ["E_X", { a: 1 }]);
  assertEquals(
    withoutTime(await serving.outLine()),
    `warn ${server.socket} refuses E_X {"a":1}: 404 No\\u001b user`,
  );
  await serving.ask("raise_event", ["E_X"]);
  refuses = false;
  await serving.ask("raise_event", ["E_X"]);
  assertMatch(
    withoutTime(await serving.outLine()),
    /^info jsonrpc:\S+ is back after \d+\.\d s, 2 events failed meanwhile$/,
  );
});

Deno.test("hub --json logs event, params as they came, socket, cause, ms", async () => {
  const socket = `jsonrpc:127.0.0.1:${freePort()}`;
  await using serving = await startServe([
    "--json",
    `--subscribe=E_X=${socket}`,
    "--log-level=debug",
  ]);
  const sent = `{"n":1.50,"2":12345678901234567890,"b":"\\u00e9","b":0}`;
  const response = await fetch(serving.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body:
      `{"jsonrpc":"2.0","id":1,"method":"raise_event","params":["E_X",${sent}]}`,
  });
  await response.body?.cancel();
  const line = (await serving.outLine())!;
  assertEquals(memberText(line, "params"), sent);
  const { time, since, ms, error, params: _params, ...log } = JSON.parse(line);
  assert(Date.parse(time) > 0 && Date.parse(since) > 0 && ms >= 0);
  assertStringIncludes(error, "Connection refused");
  assertEquals(log, {
    level: "warn",
    kind: "down",
    socket,
    event: "E_X",
    cause: "connect",
    failed: 1,
  });
  await using _ = serveEvents(
    { port: Number(socket.split(":")[2]) },
    () => {},
  );
  await serving.ask("raise_event", ["E_X"]);
  const kinds = [];
  for (let n = 0; n < 2; n++) {
    const { level, kind } = JSON.parse((await serving.outLine())!);
    kinds.push([level, kind]);
  }
  assertEquals(kinds, [["debug", "delivered"], ["info", "back"]]);
});

Deno.test("hub --log-level leaves out what matters less", async () => {
  await using server = serveEvents({ port: 0 }, () => {});
  const port = freePort();
  await using serving = await startServe([
    "--sync",
    "--log-level=warn",
    `--subscribe=E_X=${server.socket}`,
    `--subscribe=E_DOWN=jsonrpc:127.0.0.1:${port}`,
  ]);
  await serving.ask("raise_event", ["E_X"]);
  await serving.ask("raise_event", ["E_DOWN"]);
  assertStringIncludes(
    (await serving.outLine())!,
    `warn jsonrpc:127.0.0.1:${port} is down`,
  );
});

Deno.test("hub lets deliveries end when it is interrupted: exit code 0", async () => {
  const asked = gate(), answer = gate();
  let confirmed = false;
  await using server = serveEvents({ port: 0 }, async () => {
    asked.open();
    await answer.opened;
    confirmed = true;
  });
  await using serving = await startServe([
    "--sync",
    "--timeout=60000",
    `--subscribe=E_X=${server.socket}`,
  ]);
  await serving.ask("raise_event", ["E_X"]);
  await asked.opened;
  serving.process.kill("SIGINT");
  answer.open();
  assertEquals((await serving.process.status).code, 0);
  assertEquals(confirmed, true);
  assertEquals(await serving.outLine(), undefined, "nothing failed");
});

Deno.test("hub tells that the address is in use: exit code 1", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  const { code, stderr } = await run(["hub", address]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `error: Cannot listen at ${address}: Addr`);
});

Deno.test("hub warns of a FAILOVER that does not see all", async () => {
  await using serving = start([
    "hub",
    "0",
    "--subscribe=E_X=virtual:FAILOVER jsonrpc:h:1 jsonrpc:h:2",
  ]);
  assertMatch((await serving.errLine())!, /^warning: virtual:FAILOVER/);
});

Deno.test("hub prints no control character that a subscriber sends", async () => {
  await using serving = await startServe(["--publish=E_X"]);
  const socket =
    "virtual:FAILOVER jsonrpc:h:1/\u001b]0;owned\u0007\nerror:x jsonrpc:h:2";
  await serving.ask("event_subscribe", ["E_X", socket]);
  assertStringIncludes(
    (await serving.outLine())!,
    "/\\u001b]0;owned\\u0007\\u000aerror:x",
  );
});

Deno.test("hub ends though a request is only half sent", async () => {
  await using serving = await startServe([]);
  const port = Number(new URL(serving.url).port);
  using conn = await Deno.connect({ port });
  const head = "POST / HTTP/1.1\r\nHost: h\r\n" +
    "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
  await conn.write(new TextEncoder().encode(head));
  await serving.ask("events_list"); // so the other has been seen
  serving.process.kill("SIGTERM");
  assertEquals((await serving.process.status).code, 0);
});

Deno.test("hub ends though nobody reads its log", async () => {
  await using serving = await startServe([
    `--subscribe=E_X=jsonrpc:127.0.0.1:${freePort()}/${"m".repeat(10_000)}`,
    "--log-level=debug", // far more than a pipe takes
  ]);
  for (let n = 0; n < 30; n++) {
    const raise = {
      jsonrpc: "2.0",
      method: "raise_event",
      params: ["E_X"],
      id: 1,
    };
    const response = await fetch(serving.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(Array(100).fill(raise)),
    });
    await response.body?.cancel();
  }
  serving.process.kill("SIGTERM");
  assertEquals((await serving.process.status).code, 0);
});

Deno.test("hub ends by a signal though deliveries are under way: exit code 130 or 143", async () => {
  for (
    const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const
  ) {
    const asked = gate(), never = gate();
    await using server = serveEvents({ port: 0 }, async () => {
      asked.open();
      await never.opened;
    });
    await using serving = await startServe([
      "--sync",
      "--timeout=60000",
      `--subscribe=E_X=${server.socket}`,
    ]);
    await serving.ask("raise_event", ["E_X"]);
    await asked.opened;
    serving.process.kill(signal);
    assertEquals((await serving.process.status).code, code);
    assertEquals(
      await serving.errLine(),
      "error: interrupted while deliveries were under way",
    );
    never.open();
  }
});

Deno.test("hub goes on when nobody reads its log any more: exit code 0", async () => {
  const subscribe = `--subscribe=E_X=jsonrpc:127.0.0.1:${freePort()}`;
  await using serving = await startServe([subscribe, "--log-level=debug"]);
  await serving.ask("raise_event", ["E_X"]);
  assertStringIncludes((await serving.outLine())!, `Cannot deliver "E_X"`);
  await serving.closeOutput();
  assertEquals(await serving.ask("raise_event", ["E_X"]), "OK");
  assertMatch((await serving.errLine())!, /^error: cannot write the log: /);
  for (let n = 0; n < 3; n++) {
    assertEquals(await serving.ask("raise_event", ["E_X"]), "OK");
  }
  serving.process.kill("SIGTERM");
  assertEquals((await serving.process.status).code, 0);
  assertMatch(
    (await serving.errLine())!,
    /^error: \d lines could not be logged$/,
  );
  assertEquals(await serving.errLine(), undefined);
});

Deno.test({
  name: "hub goes on when the disk of its log is full: exit code 0",
  ignore: Deno.build.os !== "linux", // for /dev/full
  async fn() {
    const args = ["hub", "0", `--subscribe=E=jsonrpc:127.0.0.1:${freePort()}`];
    args.push("--log-level", "debug"); // each failure is a line
    await using serving = startInShell(args, "> /dev/full");
    const [, url] = (await serving.errLine())!.split(" at ");
    for (let n = 0; n < 3; n++) {
      const response = await raise(url!, "E");
      assertEquals([response.status, await response.json()], [
        200,
        { id: 1, jsonrpc: "2.0", result: "OK" },
      ]);
    }
    assertMatch(
      (await serving.errLine())!,
      /^error: cannot write the log: No space left on device/,
    );
    serving.process.kill("SIGINT");
    assertEquals((await serving.process.status).code, 0);
    assertEquals(await serving.errLine(), "error: 3 lines could not be logged");
  },
});

Deno.test({
  ...await needs(
    "mkfifo",
    "hub says how many lines are lost when it can log again",
  ),
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/log`;
    const mkfifo = await new Deno.Command("mkfifo", { args: [path] }).output();
    assert(mkfifo.success);
    // The shell waits until somebody reads.
    const args = ["hub", "0", `--subscribe=E=jsonrpc:127.0.0.1:${freePort()}`];
    args.push("--log-level", "debug"); // each failure is a line
    await using serving = startInShell(args, `> ${path}`);
    try {
      const first = await Deno.open(path);
      const [, url] = (await serving.errLine())!.split(" at ");
      await (await raise(url!, "E")).body?.cancel();
      const line = await lineOf(first);
      assertStringIncludes(line, " is down, and did not get E {}: ");
      first.close();
      for (let n = 0; n < 3; n++) await (await raise(url!, "E")).body?.cancel();
      assertMatch((await serving.errLine())!, /^error: cannot write the log: /);
      using second = await Deno.open(path);
      assertEquals(
        withoutTime(await lineOf(second)),
        "error 3 lines could not be logged\n",
      );
      await (await raise(url!, "E")).body?.cancel();
      assertStringIncludes(await lineOf(second), " did not get E {}: ");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** A line of the log without its time. */
function withoutTime(line: string | undefined): string {
  const [, rest] = /^\d{4}-\d\d-\d\dT[\d:.]{12}Z (.*)$/s.exec(line ?? "") ?? [];
  assert(rest !== undefined, line);
  return rest;
}

/** Asks a hub to raise an event. */
function raise(url: string, event: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "raise_event",
      params: [event],
    }),
  });
}

/** The next line of a file that grows. */
async function lineOf(file: Deno.FsFile): Promise<string> {
  const byte = new Uint8Array(1);
  let line = "";
  while (!line.endsWith("\n")) {
    if (await file.read(byte) === null) break;
    line += new TextDecoder().decode(byte);
  }
  return line;
}

Deno.test("hub --delimiter sends it after each message", async () => {
  const received = Promise.withResolvers<string>();
  await using server = serve(async (conn) => {
    let text = "";
    for await (const bytes of conn.readable) {
      text += new TextDecoder().decode(bytes);
      if (text.endsWith("\n")) break;
    }
    received.resolve(text);
  });
  await using serving = await startServe([
    "--delimiter",
    "\\n",
    `--subscribe=E=${server.socket}`,
  ]);
  await serving.ask("raise_event", ["E"]);
  assertMatch(await received.promise, /^\{.*\}\n$/);
});
