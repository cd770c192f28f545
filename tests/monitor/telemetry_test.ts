import { assert, assertEquals } from "@std/assert";
import { startTelemetry } from "../../src/monitor/mod.ts";
import { collect, type Json, telemetryTo } from "../helpers/collector.ts";

/** Attributes as a plain object. */
function plain(attributes: Json[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => {
    const [[kind, text]] = Object.entries(value) as [[string, unknown]];
    return [key, kind === "intValue" ? Number(text) : text];
  }));
}

const APP = new URL("telemetry_app.ts", import.meta.url).pathname;

async function runApp(env: Record<string, string>): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net", APP],
    env,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("startTelemetry() is nothing where OpenTelemetry is off", () => {
  assertEquals(startTelemetry(), undefined);
});

Deno.test("startTelemetry() sends a span for each delivery and each handled event, and counters", async () => {
  const { server, spans, metrics } = collect();
  const said = await runApp(telemetryTo(server.addr.port));
  await server.shutdown();
  assertEquals(said, "on");
  const common = { "messaging.system": "event_jsonrpc" };
  const send = {
    ...common,
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "server.address": "10.0.0.7",
    "server.port": 8080,
  };
  const facts = spans.map(({ name, kind, status, attributes }) => {
    const known = plain(attributes);
    delete known["network.peer.port"];
    return { name, kind, code: status?.code ?? 0, attributes: known };
  });
  const byName = (name: string) => facts.find((fact) => fact.name === name);
  assertEquals(byName("send E_SENT"), {
    name: "send E_SENT",
    kind: 4, // PRODUCER on the wire
    code: 0,
    attributes: {
      ...send,
      "messaging.destination.name": "E_SENT",
      "messaging.batch.message_count": 3,
    },
  });
  assertEquals(byName("send E_CONFIRMED"), {
    name: "send E_CONFIRMED",
    kind: 4,
    code: 0,
    attributes: { ...send, "messaging.destination.name": "E_CONFIRMED" },
  });
  assertEquals(byName("send E_FAILED"), {
    name: "send E_FAILED",
    kind: 4,
    code: 2,
    attributes: {
      ...send,
      "messaging.destination.name": "E_FAILED",
      "server.address": "::1",
      "server.port": 5,
      "error.type": "connect",
    },
  });
  for (const [method, type] of [["E_PIKE_BLOCKED"], ["E_BAD", "404"]]) {
    const fact = byName(`process ${method}`)!;
    assertEquals([fact.kind, fact.code], [5, type === undefined ? 0 : 2]);
    const { "messaging.message.id": id, ...attributes } = fact.attributes;
    assert(Number(id) > 0);
    assertEquals(attributes, {
      ...common,
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": method,
      "network.peer.address": "127.0.0.1",
      ...type !== undefined && { "error.type": type },
    });
  }
  assertEquals(spans.length, 5);
  const sent = spans.find(({ name }) => name === "send E_SENT");
  const ms =
    Number(BigInt(sent.endTimeUnixNano) - BigInt(sent.startTimeUnixNano)) / 1e6;
  assert(ms > 4 && ms < 6, `${ms}`); // a delivery of the test took 5 ms
  const total = (name: string) =>
    metrics.get(name).sum.dataPoints
      .reduce(
        (sum: number, point: Json) =>
          sum + Number(point.asInt ?? point.asDouble),
        0,
      );
  assertEquals(total("messaging.client.sent.messages"), 5);
  assertEquals(total("messaging.client.consumed.messages"), 2);
  for (
    const name of [
      "messaging.client.operation.duration",
      "messaging.process.duration",
    ]
  ) {
    assertEquals(metrics.get(name).unit, "s");
    assert(metrics.get(name).histogram.dataPoints.length > 0);
  }
});
