import { receivedEvent } from "../helpers/received.ts";
import { assert, assertEquals } from "@std/assert";
import { EventClient, serveEvents, ServerError } from "../../mod.ts";
import { ListenerTally, watchHandler } from "../../src/monitor/mod.ts";
import { SYNC } from "../helpers/client.ts";
import { checkMetrics, findPromtool } from "../helpers/promtool.ts";

const promtool = await findPromtool();

Deno.test("ListenerTally counts what came in, failed, and was refused", async () => {
  const tally = new ListenerTally();
  await using server = serveEvents(
    { port: 0, onInvalid: tally.refuse },
    watchHandler(({ method }) => {
      if (method === "E_BAD") throw new ServerError(1, "bad");
      return true;
    }, tally.watch),
  );
  await using client = new EventClient(server.socket, SYNC);
  await client.raise("E_X");
  await client.raise("E_X");
  await client.raise("E_BAD").catch(() => {});
  tally.watch(receivedEvent({
    method: "E_OPEN",
    params: {},
    id: null,
    peer: server.addr,
  }));
  tally.refuse();
  const text = tally.metrics(2);
  const lines = text.split("\n").filter((line) =>
    !line.startsWith("#") && !line.includes("_bucket") && !line.includes("_sum")
  );
  assertEquals(lines.map((line) => line.replace("event_jsonrpc_", "")), [
    'events_received_total{method="E_X"} 2',
    'events_received_total{method="E_BAD"} 1',
    'events_received_total{method="E_OPEN"} 1',
    "requests_received_total 3",
    "events_handler_failed_total 1",
    "messages_refused_total 1",
    "handlers_under_way 1",
    "listener_connections 2",
    "handler_duration_seconds_count 3",
    "",
  ]);
  assert(!tally.metrics().includes("listener_connections"));
});

Deno.test({
  name: "promtool finds nothing wrong with the metrics of a receiving end",
  ignore: promtool === undefined,
  async fn() {
    const tally = new ListenerTally();
    assertEquals(await checkMetrics(promtool!, tally.metrics()), "");
    for (let i = 0; i < 300; i++) {
      const peer = { hostname: "127.0.0.1", port: 1 };
      const event = { method: `E_\n"${i}\ud800`, params: {}, id: null, peer };
      tally.watch(receivedEvent(event))?.({ result: true, ms: i });
    }
    assertEquals(await checkMetrics(promtool!, tally.metrics(1)), "");
  },
});
