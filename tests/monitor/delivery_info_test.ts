import { assert, assertEquals } from "@std/assert";
import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  DeliveryTimeoutError,
  ProtocolError,
  QueueFullError,
  ServerError,
} from "../../mod.ts";
import { causeOf, joinHooks } from "../../src/monitor/mod.ts";
import { delivery } from "../helpers/deliveries.ts";

Deno.test("causeOf() says why a delivery failed, in one word", () => {
  const several = (...errors: Error[]) =>
    new DeliveryError("all failed", { cause: new AggregateError(errors) });
  const cases: [unknown, string][] = [
    [new ConnectError("x"), "connect"],
    [new ConnectionClosedError("x"), "closed"],
    [new DeliveryTimeoutError("x"), "timeout"],
    [new QueueFullError("x"), "queue_full"],
    [new ServerError(1, "x"), "server"],
    [new ProtocolError("x"), "protocol"],
    [new DOMException("x", "AbortError"), "aborted"],
    [several(new ConnectError("x"), new ConnectError("y")), "connect"],
    [several(new ConnectError("x"), new ProtocolError("y")), "several"],
  ];
  for (const [error, cause] of cases) {
    assertEquals<string>(causeOf(error), cause);
  }
});

Deno.test("joinHooks() calls every hook, and is nothing without one", () => {
  const seen: string[] = [];
  const one = () => seen.push("one"), two = () => seen.push("two");
  assertEquals(joinHooks(), undefined);
  assertEquals(joinHooks(undefined, undefined), undefined);
  assertEquals(joinHooks(undefined, one), one);
  const both = joinHooks(one, undefined, two);
  assert(both !== undefined);
  both(delivery({}));
  assertEquals(seen, ["one", "two"]);
});
