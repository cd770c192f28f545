// The fake is held to what the real ones did: else the tests that use it show
// nothing.

import { assertEquals } from "@std/assert";
import { type Exchange, exchangesOf, masked, toRequest } from "./recorded.ts";
import { FakeOpenSips, type Version } from "./fake_opensips.ts";

/** What it does not do: all that no client of ours asks for. */
const LEFT_OUT = [
  "which",
  "which a command",
  "which evi",
  "help event_subscribe",
  "uptime",
  "version",
  "ps",
  "other content type", // the connection is closed without a response
  "no content type",
  "PUT",
  "json and more",
];

for (
  const [version, recorded] of [["3.0", "3.0.5"], ["4.0", "4.0.1"]] as const
) {
  Deno.test(`FakeOpenSips responds as OpenSIPS ${recorded} did`, async () => {
    const commands = exchangesOf(recorded, "commands");
    await replay(version, commands.filter((e) => !LEFT_OUT.includes(e.note)));
    const flow = exchangesOf(recorded, "flow");
    const restart = flow.findIndex((e) => e.note === "flow: after restart");
    await replay(version, flow.slice(0, restart));
    await replay(version, flow.slice(restart)); // it has forgotten all
  });
}

async function replay(version: Version, exchanges: Exchange[]): Promise<void> {
  await using fake = new FakeOpenSips(version);
  let at = 0;
  for (const exchange of exchanges) {
    fake.pass(exchange.at - at);
    at = exchange.at;
    const { note, status, body } = exchange;
    const request = toRequest(exchange, new URL(fake.url).origin);
    if (status === null) continue; // it never responds: see below
    const response = await fake.respond(request);
    const text = await response.text();
    if (body === "" || body.startsWith("<")) {
      // An empty body is not even HTTP for 3.0.
      if (note !== "empty body") assertEquals(response.status, status, note);
      continue;
    }
    assertEquals(response.status, status, note);
    assertEquals(masked(text), masked(body), note);
  }
}

Deno.test("FakeOpenSips of 4.0 never responds to a request without id", async () => {
  await using fake = new FakeOpenSips("4.0");
  const controller = new AbortController();
  const request = new Request(fake.url, {
    method: "POST",
    body: `{"jsonrpc":"2.0","method":"events_list"}`,
    signal: controller.signal,
  });
  let hasResponded = false;
  const responding = fake.respond(request).then(() => hasResponded = true);
  while (fake.calls.length === 0) await Promise.resolve();
  assertEquals(hasResponded, false);
  controller.abort();
  await responding;
});
