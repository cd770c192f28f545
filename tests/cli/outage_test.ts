import { assertEquals } from "@std/assert";
import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  DeliveryTimeoutError,
  ProtocolError,
  ServerError,
} from "../../mod.ts";
import { Outage } from "../../src/cli/outage.ts";

const SOCKET = "jsonrpc:127.0.0.1:8080";
const refused = new ConnectError("refused");
const closed = new ConnectionClosedError("closed");
const late = new DeliveryTimeoutError("late");
const several = new DeliveryError("2 of 2", {
  cause: new AggregateError([late, refused]),
});

Deno.test("Outage tells how long it was and how many events failed", async () => {
  for (
    const [failures, at, message] of [
      [[[refused, 1, 500]], 700, "0.2 s, 1 event"],
      [
        [[refused, 20, 0], [late, 27, 900], [refused, 1, 8000]],
        12_345,
        "12.3 s, 48 events",
      ],
      [[[closed, 3, 100]], 3_600_100, "1 h 0 min, 3 events"],
      [[[late, 2, 100]], 1100, "1.0 s, 2 events"],
      [[[several, 2, 0]], 1000, "1.0 s, 2 events"],
    ] as [[Error, number, number][], number, string][]
  ) {
    const told: string[] = [];
    const outage = new Outage(SOCKET, (message) => told.push(message));
    for (const failure of failures) outage.failed(...failure);
    outage.succeeded(at);
    outage.succeeded(at + 1);
    await outage.flush();
    assertEquals(told, [`${SOCKET} is back after ${message} failed meanwhile`]);
  }
});

Deno.test("Outage does not begin when a server responds with an error", async () => {
  const told: string[] = [];
  const outage = new Outage(SOCKET, (message) => told.push(message));
  outage.failed(new ServerError(404, "no"), 5, 0);
  outage.failed(new ProtocolError("neither result nor error"), 5, 0);
  outage.failed(new TypeError("x"), 5, 0);
  outage.succeeded(1);
  await outage.flush();
  assertEquals(told, []);
});
