// `hub --outbox`, as a process that is killed and started again, and the command
// `outbox` beside it.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ServerError } from "../../mod.ts";
import { type Running, start } from "../helpers/command.ts";
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

/** Starts `hub` on a file; `ask` gives it a command of management. */
async function startHub(file: string, args: string[] = []) {
  const running: Running = start(
    ["hub", "0", "--outbox", file, ...args],
    "null",
    { permissions: permissionsOf(file) },
  );
  const line = await running.errLine();
  const url = /^listening at (http:.*)$/.exec(line ?? "")?.[1];
  if (url === undefined) throw new Error(`hub said: ${line}`);
  /** Posts the text of a request. */
  async function post(body: string): Promise<Response> {
    return await fetch(`${url}/mi`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
  }
  async function ask(method: string, params: unknown = {}): Promise<unknown> {
    const response = await post(
      JSON.stringify({ jsonrpc: "2.0", id: "1", method, params }),
    );
    const { result, error } = await response.json();
    return result ?? error;
  }
  async function end(signal: Deno.Signal): Promise<number> {
    running.process.kill(signal);
    return (await running.process.status).code;
  }
  return { ...running, url, post, ask, end };
}

Deno.test("hub --outbox goes on after SIGKILL with events and subscribers", async () => {
  using folder = new Folder();
  const one = freePort(), two = freePort();
  {
    await using hub = await startHub(folder.file(), [
      `--subscribe=E_X=jsonrpc:127.0.0.1:${one}`,
      "--publish=E_Y",
    ]);
    const socket = `jsonrpc:127.0.0.1:${two}/m`;
    const forHour = { event: "E_X", socket, expire: 3600 };
    assertEquals(await hub.ask("event_subscribe", forHour), "OK");
    const ended = { ...forHour, event: "E_Y" };
    assertEquals(await hub.ask("event_subscribe", ended), "OK");
    assertEquals(
      await hub.ask("event_subscribe", { ...ended, expire: 0 }),
      "OK",
    );
    for (const n of [0, 1, 2]) {
      assertEquals(await hub.ask("raise_event", ["E_X", { n }]), "OK");
    }
    await hub.end("SIGKILL");
  }
  // Nobody subscribes anew, and what was kept goes out at once.
  await using first = noting(() => true, one);
  await using second = noting(() => true, two);
  await using hub = await startHub(folder.file());
  await until(() => first.seen.length === 3 && second.seen.length === 3);
  const list = await hub.ask("subscribers_list");
  assertEquals(
    JSON.stringify(list).replaceAll(/,"ttl":\d+/g, ""),
    JSON.stringify({
      Events: [{
        name: "E_X",
        id: 0,
        Subscribers: [
          { socket: `jsonrpc:127.0.0.1:${two}/m`, expire: 3600 },
          { socket: `jsonrpc:127.0.0.1:${one}`, expire: "never" },
        ],
      }],
    }).replaceAll(/,"ttl":\d+/g, ""),
  );
  assertEquals(await hub.ask("raise_event", ["E_X", { n: 3 }]), "OK");
  await until(() => first.seen.length === 4 && second.seen.length === 4);
  assertEquals(first.numbers(), [0, 1, 2, 3]);
  assertEquals(second.numbers(), [0, 1, 2, 3]);
});

Deno.test("hub --outbox loses nothing that was answered when it is killed while it is asked", async () => {
  using folder = new Folder();
  await using server = noting();
  const answered: number[] = [];
  let n = 0;
  for (let kill = 0; kill < 5; kill++) {
    await using hub = await startHub(folder.file(), [
      `--subscribe=E_X=${server.socket}`,
    ]);
    const raising = Promise.allSettled(
      Array.from({ length: 4 }, async () => {
        for (;;) {
          const own = n++;
          const answer = await hub.ask("raise_event", ["E_X", { n: own }]);
          assertEquals(answer, "OK");
          answered.push(own);
        }
      }),
    );
    const enough = answered.length + 40;
    await until(() => answered.length >= enough);
    await hub.end("SIGKILL");
    await raising;
  }
  await using hub = await startHub(folder.file());
  await hub.ask("raise_event", ["E_X", { n: -1 }]);
  await until(() => server.numbers().includes(-1));
  const seen = new Set(server.numbers());
  assertEquals(answered.filter((n) => !seen.has(n)), []);
  assert(server.seen.length - seen.size <= 5, "repeated more than the window");
});

Deno.test("hub --outbox ends with 0 while a server is down, and says how many are kept", async () => {
  using folder = new Folder();
  const socket = `jsonrpc:127.0.0.1:${freePort()}`;
  await using hub = await startHub(folder.file(), [
    `--subscribe=E_X=${socket}`,
    "--json",
  ]);
  await hub.ask("raise_event", ["E_X", { n: 0 }]);
  await hub.ask("raise_event", ["E_X", { n: 1 }]);
  const { time, since, error, ms, ...line } = JSON.parse(
    (await hub.outLine())!,
  );
  assertEquals(since, time);
  assert(Date.parse(time) > 0 && ms >= 0);
  assertStringIncludes(error, "refused");
  assertEquals(line, {
    level: "warn",
    kind: "down",
    event: "E_X",
    params: { n: 0 },
    socket,
    cause: "connect",
    attempts: 1,
    failed: 1,
  });
  assertEquals(await hub.end("SIGTERM"), 0);
  const { time: _, ...end } = JSON.parse((await hub.outLine())!);
  assertEquals(end, { level: "info", kept: 2, setAside: 0 });
  // Standard error is for errors.
  assertEquals(await hub.errLine(), undefined);
});

Deno.test("hub --outbox logs each delivery with --log-level debug, params as they came", async () => {
  using folder = new Folder();
  let isWilling = false;
  await using server = noting(() => {
    if (!isWilling) throw new ServerError(-32050, "Not now");
    return true;
  });
  await using hub = await startHub(folder.file(), [
    `--subscribe=E_X=${server.socket}`,
    "--json",
    "--log-level=debug",
  ]);
  await hub.ask("raise_event", ["E_X", { n: 0 }]);
  const aside = JSON.parse((await hub.outLine())!);
  assertEquals(
    [aside.level, aside.outcome, aside.cause, aside.attempts],
    ["error", "set aside", "server", 1],
  );
  isWilling = true;
  const response = await hub.post(
    `{"jsonrpc":"2.0","id":1,"method":"raise_event","params":["E_X",{"b":1.50,"2":12345678901234567890}]}`,
  );
  await response.body?.cancel();
  const delivered = (await hub.outLine())!;
  assertStringIncludes(
    delivered,
    `"params":{"b":1.50,"2":12345678901234567890}`,
  );
  assertStringIncludes(delivered, `"kind":"delivered"`);
});

Deno.test("hub --outbox has a page that shows what is set aside, and retries and drops it", async () => {
  using folder = new Folder();
  let isWilling = false;
  await using server = noting(() => {
    if (!isWilling) throw new ServerError(-32050, "Not now");
    return true;
  });
  await using hub = await startHub(folder.file(), [
    `--subscribe=E_X=${server.socket}`,
  ]);
  for (const n of [0, 1]) await hub.ask("raise_event", ["E_X", { n }]);
  await hub.outLine();
  await hub.outLine();
  const decide = async (action: string, id: string) => {
    const response = await fetch(`${hub.url}/outbox/${action}`, {
      method: "POST",
      headers: { origin: hub.url },
      body: JSON.stringify({ id }),
    });
    return [response.status, await response.text()];
  };
  const metrics = await (await fetch(`${hub.url}/metrics`)).text();
  assertStringIncludes(metrics, "event_jsonrpc_outbox_events_set_aside 2\n");
  isWilling = true;
  assertEquals(await decide("retry", "1"), [204, ""]);
  await until(() => server.numbers().length === 3);
  assertEquals(server.numbers(), [0, 1, 0]);
  assertEquals(await decide("drop", "2"), [204, ""]);
  for (const action of ["retry", "drop"]) {
    assertEquals(await decide(action, "2"), [
      409,
      `Cannot ${action} 2: it is not set aside any more\n`,
    ]);
  }
});

Deno.test("hub --outbox tells a second process who delivers from the file: exit code 1", async () => {
  using folder = new Folder();
  await using hub = await startHub(folder.file());
  const { pid } = hub.process;
  const problem =
    `error: Cannot deliver from "${folder.file()}": process ${pid} does\n`;
  for (
    const args of [["hub", "0"], ["pump", "jsonrpc:127.0.0.1:1"]]
  ) {
    const { code, stderr } = await runOn(folder.file(), [
      ...args,
      "--outbox",
      folder.file(),
    ]);
    assertEquals([code, stderr], [1, problem]);
  }
  await hub.end("SIGKILL");
  await using _next = await startHub(folder.file()); // it is free at once
});

Deno.test("hub --key-param sends the key, and refuses params of its name", async () => {
  using folder = new Folder();
  await using server = noting();
  await using hub = await startHub(folder.file(), [
    `--subscribe=E_X=${server.socket}`,
    "--key-param=key",
  ]);
  assertEquals(await hub.ask("raise_event", ["E_X", { n: 1 }]), "OK");
  const refused = await hub.ask("raise_event", ["E_X", { key: 1 }]);
  assertEquals((refused as { code: number }).code, 400);
  await until(() => server.seen.length === 1);
  assertEquals(Object.keys(server.seen[0]!), ["n", "key"]);
});

Deno.test("outbox list, show, retry and drop work while a hub runs", async () => {
  using folder = new Folder();
  let isWilling = false;
  await using server = noting(() => {
    if (!isWilling) throw new ServerError(-32050, "Not now");
    return true;
  });
  await using hub = await startHub(folder.file(), [
    `--subscribe=E_X=${server.socket}`,
    `--subscribe=E_Y=${server.socket}`,
  ]);
  const outbox = (action: string, ...args: string[]) =>
    runOn(folder.file(), ["outbox", action, folder.file(), ...args]);
  for (const [event, n] of [["E_X", 0], ["E_X", 1], ["E_Y", 2]] as const) {
    await hub.ask("raise_event", [event, { n }]);
    assertStringIncludes((await hub.outLine())!, "Not now; it is set aside");
  }

  const list = await outbox("list", "--event=E_X");
  assertEquals([list.code, list.stderr], [0, "0 kept, 2 set aside\n"]);
  for (const [i, line] of list.stdout.trimEnd().split("\n").entries()) {
    assertEquals(line.split("  ").slice(0, 2), [`${i + 1}`, "set aside"]);
    assertStringIncludes(line, "error -32050: Not now");
  }
  const json = await outbox("list", "--json", "--set-aside");
  const [first, ...others] = json.stdout.trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  assertEquals(others.length, 2);
  const { key, raisedAt, ...rest } = first;
  assert(key.length > 0 && Date.parse(raisedAt) > 0);
  assertEquals(rest, {
    id: "1",
    state: "setAside",
    target: server.socket,
    event: "E_X",
    attempts: 1,
    lastError: "Not now",
    refusal: { code: -32050, message: "Not now" },
  });
  const shown = await outbox("show", "2");
  assertStringIncludes(shown.stdout, `params:    {"n":1}\n`);
  assertStringIncludes((await outbox("show", "--json")).stdout, `{"n":2}`);

  assertEquals((await outbox("drop", "1")).stdout, "1 event is dropped\n");
  isWilling = true;
  server.seen.length = 0;
  const none = await outbox("retry", "--target=jsonrpc:127.0.0.1:1");
  assertEquals(none.stdout, "0 events are retried\n");
  assertEquals((await outbox("retry", "--older-than=1h")).stdout, none.stdout);
  const retried = await outbox("retry", `--target=${server.socket}`, "--json");
  assertEquals(retried.stdout, `{"retried":2}\n`);
  await until(() => server.seen.length === 2); // the hub has noticed it
  assertEquals(server.numbers(), [1, 2]);
});

Deno.test("outbox drops by the age that is given, and what is kept too", async () => {
  using folder = new Folder();
  const dead = `jsonrpc:127.0.0.1:${freePort()}`;
  await runOn(
    folder.file(),
    ["pump", dead, "--outbox", folder.file(), "--give-up-after=0"],
    lines(numbered(0, 3)),
  );
  const drop = (...args: string[]) =>
    runOn(folder.file(), ["outbox", "drop", folder.file(), "--json", ...args]);
  assertEquals((await drop("--older-than=10m")).stdout, `{"dropped":0}\n`);
  assertEquals((await drop("--set-aside")).stdout, `{"dropped":0}\n`);
  assertEquals((await drop()).code, 2);
  assertEquals((await drop("--older-than=0s")).stdout, `{"dropped":3}\n`);
});

Deno.test("outbox refuses wrong use, and makes no file: exit code 2", async () => {
  using folder = new Folder();
  const file = folder.file();
  for (
    const [args, problem] of [
      [[], "no action is given, expected list, show, retry or drop"],
      [["lst", file], `the action is "lst", expected list`],
      [["list"], "no file is given"],
      [["list", file], "there is no such file"],
      [["show", file, "x"], `the id is "x", expected the number of an event`],
      [["list", file, "--older-than=7"], `--older-than is "7"`],
      [["list", file, "--target=x"], `Cannot parse socket "x"`],
      [["drop", file], "drop would remove all events"],
    ] as [string[], string][]
  ) {
    const { code, stderr } = await runOn(file, ["outbox", ...args]);
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, problem);
  }
  assertEquals([...Deno.readDirSync(folder.path)], []);
});
