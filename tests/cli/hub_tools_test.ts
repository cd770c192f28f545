// `hub` as the OpenSIPS of others: of its own tools, and of `listen --at`.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type JsonObject, type JsonValue, serveEvents } from "../../mod.ts";
import { MiClient } from "../../src/opensips/mod.ts";
import { type Running, start } from "../helpers/command.ts";
import { TOOLS } from "../opensips/tools.ts";

/** Starts `hub`; `url` is the address of its management interface. */
async function startHub(
  ...args: string[]
): Promise<Running & { url: string }> {
  const running = start(["hub", "0", ...args]);
  const [, address] = /^listening at (http:.*)$/.exec(
    (await running.errLine()) ?? "",
  ) ?? [];
  assert(address !== undefined, "it listens");
  return { ...running, url: `${address}/mi` };
}

Deno.test("hub responds to what opensips-cli and python-opensips ask", async () => {
  await using hub = await startHub("--publish=E_X");
  for (const [what, method, params, expected] of TOOLS) {
    const response = await fetch(hub.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: "12345", method, params }),
    });
    const { id, result, error } = await response.json();
    assertEquals([response.status, id], [200, "12345"]);
    if (typeof expected === "number") assertEquals(error.code, expected, what);
    else assertStringIncludes(JSON.stringify(result), `${expected}`, what);
  }
});

for (
  const [names, subscribe, raise] of [
    ["old", "event_subscribe", "raise_event"],
    ["new", "evi:subscribe", "evi:raise"],
  ] as const
) {
  Deno.test(`hub delivers what is subscribed and raised by the ${names} names`, async () => {
    const received: unknown[] = [];
    let arrived = Promise.withResolvers<void>();
    await using server = serveEvents({ port: 0 }, ({ method, params }) => {
      received.push([method, params]);
      arrived.resolve();
    });
    await using hub = await startHub("--publish=E_X");
    const mi = new MiClient(hub.url);
    for (
      const [params, expected] of [
        [["E_X", ["a", "b"]], ["a", "b"]],
        [{ event: "E_X", params: `{"ip":"::1"}` }, { ip: "::1" }],
        [["E_X"], {}],
      ] as [JsonValue[] | JsonObject, unknown][]
    ) {
      arrived = Promise.withResolvers();
      assertEquals(
        await mi.call(subscribe, ["E_X", server.socket, "60"]),
        "OK",
      );
      assertEquals(await mi.call(raise, params), "OK");
      await arrived.promise;
      assertEquals(received.pop(), ["E_X", expected]);
    }
    const commands = await mi.call("which") as string[];
    assert(commands.includes(subscribe) && commands.includes(raise));
  });
}

Deno.test("listen --at takes a hub as it takes an OpenSIPS", async () => {
  await using hub = await startHub("--publish=E_X", "--publish=E_Y");
  await using listening = start(
    ["listen", "0", "--at", hub.url, "--event", "E_*"],
  );
  for (const line of ["listening at ", "subscribed E_X ", "subscribed E_Y "]) {
    assertStringIncludes((await listening.errLine())!, line);
  }
  const mi = new MiClient(hub.url);
  await mi.raise("E_Y", { a: 1 });
  assertEquals(await listening.outLine(), `E_Y {"a":1}`);
  listening.process.kill("SIGINT");
  assertEquals((await listening.process.status).code, 0);
  assertEquals(await mi.subscribers(), []);
});
