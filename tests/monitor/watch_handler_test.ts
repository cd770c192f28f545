import { receivedEvent } from "../helpers/received.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { EventClient, serveEvents, ServerError } from "../../mod.ts";
import {
  type EventWatcher,
  type HandlerResponse,
  watchHandler,
} from "../../src/monitor/mod.ts";
import { SYNC } from "../helpers/client.ts";

const EVENT = receivedEvent({ id: 1 });

function watcher() {
  const responses: HandlerResponse[] = [];
  const watch: EventWatcher = () => (response) => responses.push(response);
  return { watch, responses };
}

Deno.test("watchHandler() returns the handler itself without watchers", () => {
  const handler = () => 1;
  assertEquals(watchHandler(handler), handler);
});

Deno.test("watchHandler() tells every watcher what a handler returns, throws, resolves and rejects", async () => {
  const failure = new ServerError(404, "No such user");
  const cases: [() => unknown, unknown][] = [
    [() => 7, { result: 7 }],
    [() => Promise.resolve(7), { result: 7 }],
    [() => undefined, { result: undefined }],
    [() => {
      throw failure;
    }, { error: failure }],
    [() => Promise.reject(failure), { error: failure }],
    [() => Promise.reject(undefined), { error: "nothing" }],
  ];
  for (const [handler, expected] of cases) {
    const one = watcher(), other = watcher();
    const watched = watchHandler(handler, one.watch, other.watch);
    assert(typeof watched === "function");
    const result = await Promise.resolve().then(() => watched(EVENT))
      .catch(() => {});
    for (const { responses } of [one, other]) {
      const [{ ms, ...facts }] = responses;
      assert(ms >= 0);
      assertEquals<unknown>(facts, expected);
      assertEquals(responses.length, 1);
    }
    assertEquals(result, (expected as HandlerResponse).result);
  }
});

Deno.test("watchHandler() lets responses through, and refuses a method without a handler", async () => {
  const { watch, responses } = watcher();
  await using server = serveEvents(
    { port: 0 },
    watchHandler({ E_X: () => "yes" }, watch),
  );
  await using client = new EventClient(server.socket, SYNC);
  assertEquals(await client.raise("E_X"), "yes");
  await assertRejects(
    () => client.raise("toString"),
    ServerError,
    "Method not found",
  );
  assertEquals(responses.length, 2);
});
