import { assert, assertEquals } from "@std/assert";
import { operationsHandler } from "../../src/monitor/mod.ts";

const get = (path: string) => new Request(`http://10.0.0.7${path}`);

Deno.test("operationsHandler() responds whether the service is ready, or why not", async () => {
  let reasons: string[] = [];
  const handler = operationsHandler({ notReady: () => reasons });
  const ready = await handler(get("/health"));
  assertEquals([ready.status, await ready.json()], [200, { status: "ready" }]);
  reasons = ["the outbox is full", "it is closing"];
  const not = await handler(get("/health"));
  assertEquals([not.status, await not.json()], [503, {
    status: "not ready",
    reasons,
  }]);
});

Deno.test("operationsHandler() responds with the metrics, if there are any", async () => {
  const handler = operationsHandler({
    metrics: () => Promise.resolve("a 1\n"),
  });
  const response = await handler(get("/metrics"));
  assertEquals([response.status, await response.text()], [200, "a 1\n"]);
  assert(
    response.headers.get("content-type")!.startsWith(
      "text/plain; version=0.0.4",
    ),
  );
  assertEquals((await operationsHandler({})(get("/metrics"))).status, 404);
  assertEquals((await handler(get("/"))).status, 404);
});
