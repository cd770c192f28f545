// Compiled by the test of types; not run.

import {
  type AnyEventInterface,
  ConnectError,
  type DeliveryReport,
  EventClient,
  type EventClientEventMap,
  EventInterface,
  type EventParams,
  formatSocket,
  JsonText,
  type JsonValue,
  NamedParams,
  type TlsOptions,
} from "../../../mod.ts";

interface Blocked {
  ip: string;
  port?: number;
  nested: { deep: string[] };
}
declare const blocked: Blocked;
declare const params: EventParams;
declare const record: Record<string, unknown>;
declare const list: readonly (string | number)[];
declare const mixed: { ip: string } | readonly number[];
declare const maybe: { ip: string } | undefined;
declare const json: { [name: string]: JsonValue };
declare const maybeSignal: AbortSignal | undefined;
declare const maybeNumber: number | undefined;

const client = new EventClient("jsonrpc:127.0.0.1:8080", {
  timeoutMs: maybeNumber,
});
client.raise("E_X");
client.raise("E_X", undefined, { signal: maybeSignal, timeoutMs: maybeNumber });
client.raise("E_X", blocked);
client.raise("E_X", params);
client.raise("E_X", record);
client.raise("E_X", list);
client.raise("E_X", mixed);
client.raise("E_X", maybe);
client.raise("E_X", json);
client.raise("E_X", JSON.parse("{}"));
client.raise("E_X", new NamedParams([["a", 1]]));
client.raise("E_X", new JsonText("{}"));
client.raise("E_X", { ip: "x", list: [1, { a: null }] });
client.raise("E_X", [blocked, 2]);
const raw: Promise<JsonText | undefined> = client.raise("E_X", {}, {
  rawResult: true,
});
const parsed: Promise<JsonValue | undefined> = client.raise("E_X", {});
export { parsed, raw };

// @ts-expect-error: a Date
client.raise("E_X", { at: new Date() });
// @ts-expect-error: a function
client.raise("E_X", { f() {} });
// @ts-expect-error: a bigint
client.raise("E_X", { n: 1n });
// @ts-expect-error: undefined
client.raise("E_X", { n: undefined });
// @ts-expect-error: a Map within
client.raise("E_X", { n: { m: new Map() } });
// @ts-expect-error: a Date in an array
client.raise("E_X", [new Date()]);
// @ts-expect-error: a text
client.raise("E_X", "text");

const onDisconnect = (event: EventClientEventMap["disconnect"]) =>
  console.log(event.detail.error?.message);
client.addEventListener("disconnect", onDisconnect);
client.removeEventListener("disconnect", onDisconnect);
client.addEventListener("connect", {
  handleEvent: (event: Event) => console.log(event.type),
});
// @ts-expect-error: there is no such event
client.addEventListener("disconected", () => {});

const events = new EventInterface({
  timeoutMs: maybeNumber,
  failoverTimeoutMs: maybeNumber,
  onDelivery: undefined,
});
events.subscribe("E_X", "jsonrpc:127.0.0.1:8080", { expire: maybeNumber });
events.raise("E_X");
events.raise("E_X", undefined);
events.raise("E_X", blocked);
events.raise("E_X", params);
events.raise("E_X", record);
events.raise("E_X", maybe);
events.raise("E_X", new JsonText("{}"));
events.raise("E_X", { ip: "x", list: [1, { a: null }] });
// @ts-expect-error: a Date
events.raise("E_X", { at: new Date() });
const report: Promise<DeliveryReport> = events.deliver(
  "E_X",
  "jsonrpc:127.0.0.1:8080",
  blocked,
  { signal: maybeSignal, timeoutMs: maybeNumber },
);
events.deliver("E_X", "jsonrpc:127.0.0.1:8080");
// @ts-expect-error: a bigint
events.deliver("E_X", "jsonrpc:127.0.0.1:8080", { n: 1n });
export { report };
events.addEventListener("failed", function once(event) {
  console.log(event.detail.event);
  events.removeEventListener("failed", once);
});

// Options that one's own code may leave undefined.
declare const none: undefined;
new EventClient("jsonrpc:127.0.0.1:8080", {
  syncMode: none,
  eventParam: none,
  delimiter: none,
  connect: none,
  tls: maybeTls(),
});
client.raise("E_X", {}, { socket: none, rawResult: false });
new EventInterface({ syncMode: none, tls: none });
new ConnectError("Cannot connect", { mayHaveArrived: none });
formatSocket({ protocol: "jsonrpc", host: "h", port: 1, method: none });
function maybeTls(): TlsOptions | undefined {
  return { caCerts: none, cert: none, key: none, serverName: none };
}

/** The events of an application. */
interface MyEvents {
  E_A: Blocked;
  E_B: { n: number };
  E_C: string[];
}
const typed = new EventClient<MyEvents>("jsonrpc:127.0.0.1:8080");
typed.raise("E_A", blocked);
typed.raise("E_B", { n: 1 });
typed.raise("E_C", ["a"]);
typed.raise("E_B", new NamedParams([["n", 1]]));
// @ts-expect-error: a value of another type
typed.raise("E_B", { n: "x" });
// @ts-expect-error: another name
typed.raise("E_D", { n: 1 });
// @ts-expect-error: another param
typed.raise("E_B", { m: 1 });

const interfaceOf = new EventInterface<MyEvents>();
interfaceOf.publish("E_A");
interfaceOf.subscribe("E_B", "jsonrpc:127.0.0.1:8080");
interfaceOf.raise("E_A", blocked);
interfaceOf.raise("E_C", ["a"]);
interfaceOf.raise("E_B", new NamedParams([["n", 1]]));
interfaceOf.deliver("E_B", "jsonrpc:127.0.0.1:8080", { n: 1 });
// @ts-expect-error: a value of another type
interfaceOf.raise("E_B", { n: "x" });
// @ts-expect-error: another name
interfaceOf.raise("E_D", { n: 1 });
// @ts-expect-error: another name
interfaceOf.subscribe("E_D", "jsonrpc:127.0.0.1:8080");
// @ts-expect-error: another name
interfaceOf.publish("E_D");
// @ts-expect-error: another param
interfaceOf.deliver("E_B", "jsonrpc:127.0.0.1:8080", { m: 1 });
/** What works with the events of any application takes those of this one. */
const any: AnyEventInterface = interfaceOf;
any.raise("E_ANY", { n: 1 });
export { any };
