import { assertEquals } from "@std/assert";
import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  DeliveryTimeoutError,
  ServerError,
} from "../../mod.ts";
import { Outage } from "../../src/cli/outage.ts";

const refused = new ConnectError("refused");
const closed = new ConnectionClosedError("closed");
const late = new DeliveryTimeoutError("late");

Deno.test("Outage tells how long it was and how many events failed", {
  permissions: "none",
}, () => {
  for (
    const [failures, at, message] of [
      [[[refused, 1, 500]], 700, "connected again after 0.2 s, 1 event"],
      [
        [[refused, 20, 0], [late, 27, 900], [refused, 1, 8000]],
        12_345,
        "connected again after 12.3 s, 48 events",
      ],
      [
        [[closed, 3, 100]],
        3_600_100,
        "connected again after 3600.0 s, 3 events",
      ],
      [[[late, 2, 100]], 1100, "delivered again after 1.0 s, 2 events"],
      [
        [[
          new DeliveryError("2 of 2", {
            cause: new AggregateError([late, refused]),
          }),
          2,
          0,
        ]],
        1000,
        "connected again after 1.0 s, 2 events",
      ],
    ] as [[Error, number, number][], number, string][]
  ) {
    const outage = new Outage();
    for (const failure of failures) outage.failed(...failure);
    assertEquals(outage.succeeded(at), `${message} failed meanwhile`);
    assertEquals(outage.succeeded(at + 1), undefined);
  }
});

Deno.test("Outage does not begin when a server responds with an error", {
  permissions: "none",
}, () => {
  const outage = new Outage();
  outage.failed(new ServerError(404, "no"), 5, 0);
  outage.failed(new TypeError("x"), 5, 0);
  assertEquals(outage.succeeded(1), undefined);
});
