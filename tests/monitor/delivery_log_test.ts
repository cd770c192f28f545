import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectError, DeliveryTimeoutError, ServerError } from "../../mod.ts";
import {
  DeliveryLog,
  type DeliveryLogOptions,
  formatLogEntry,
  formatLogJson,
  type LoggedDelivery,
} from "../../src/monitor/mod.ts";

const START = Date.parse("2026-01-31T12:00:00.000Z");
const SOCKET = "jsonrpc:10.0.0.7:8080";

/** A row: after how many seconds what happened, and the lines of the log. */
type Row = [seconds: number, delivery: Partial<LoggedDelivery>, ...string[]];

const refused: Partial<LoggedDelivery> = {
  outcome: "failed",
  error: new ConnectError("Cannot connect: connection refused"),
};
const slow: Partial<LoggedDelivery> = {
  outcome: "failed",
  error: new DeliveryTimeoutError("Timed out"),
};
const rejected: Partial<LoggedDelivery> = {
  outcome: "failed",
  error: new ServerError(404, "No such user"),
};
const sent: Partial<LoggedDelivery> = { outcome: "sent" };

function check(rows: Row[], options?: DeliveryLogOptions): void {
  const log = new DeliveryLog(options);
  for (const [seconds, delivery, ...lines] of rows) {
    const whole = {
      event: "E_X",
      socket: SOCKET,
      outcome: "sent",
      ms: 2,
      ...delivery,
    } as const;
    const entries = log.take(whole, START + seconds * 1000);
    assertEquals(
      entries.map((entry) => formatLogEntry(entry).slice(25)),
      lines,
      `after ${seconds} s`,
    );
  }
}

Deno.test("DeliveryLog says when a socket goes down and when it is back", () => {
  check([
    [0, sent],
    [
      1,
      refused,
      `warn ${SOCKET} is down, and did not get E_X: Cannot connect: connection refused`,
    ],
    [2, refused],
    [3, slow],
    [9, { ...refused, count: 45 }],
    [
      13.3,
      sent,
      `info ${SOCKET} is back after 12.3 s, 48 events failed meanwhile`,
    ],
    [14, sent],
    [
      15,
      slow,
      `warn ${SOCKET} is down, and did not get E_X: Timed out`,
    ],
    [
      15.04,
      sent,
      `info ${SOCKET} is back after 0.0 s, 1 event failed meanwhile`,
    ],
  ]);
});

Deno.test("DeliveryLog tells a server that refuses from one that is down", () => {
  check([
    [0, rejected, `warn ${SOCKET} refuses E_X: 404 No such user`],
    [1, rejected],
    [
      2,
      refused,
      `warn ${SOCKET} is down, and did not get E_X: Cannot connect: connection refused`,
    ],
    [3, rejected, `warn ${SOCKET} refuses E_X: 404 No such user`],
    [
      200,
      sent,
      `info ${SOCKET} is back after 3 min 20 s, 4 events failed meanwhile`,
    ],
  ]);
});

Deno.test("DeliveryLog writes few lines of a server that takes every other event", () => {
  const log = new DeliveryLog();
  let lines = 0;
  let failed = 0;
  for (let i = 0; i < 10_000; i++) {
    const delivery: LoggedDelivery = {
      event: "E_X",
      socket: SOCKET,
      outcome: "sent",
      ms: 2,
      ...i % 2 === 0 && rejected,
    };
    for (const entry of log.take(delivery, START + i * 30)) {
      lines++;
      if (entry.kind === "back") failed += entry.failed!;
    }
  }
  assert(lines <= 5 * 6, `${lines}`); // five minutes, reminders included
  assert(failed > 2000, `${failed}`); // those between two lines are counted
});

Deno.test("DeliveryLog reminds of a socket that stays down", () => {
  const still = (count: number) =>
    `warn ${SOCKET} has failed ${count} events since 2026-01-31T12:00:00.000Z: Timed out`;
  check([
    [0, slow, `warn ${SOCKET} is down, and did not get E_X: Timed out`],
    [59, slow],
    [60, slow, still(3)],
    [61, slow],
    [119, slow],
    [125, slow, still(6)],
    [
      7500,
      sent,
      `info ${SOCKET} is back after 2 h 5 min, 6 events failed meanwhile`,
    ],
  ]);
});

Deno.test("DeliveryLog keeps sockets apart", () => {
  const other = "jsonrpc:10.0.0.8:8080";
  check([
    [0, slow, `warn ${SOCKET} is down, and did not get E_X: Timed out`],
    [1, { socket: other }],
    [
      2,
      { ...slow, socket: other },
      `warn ${other} is down, and did not get E_X: Timed out`,
    ],
    [3, sent, `info ${SOCKET} is back after 3.0 s, 1 event failed meanwhile`],
    [4, { ...slow, socket: other }],
  ]);
});

Deno.test("DeliveryLog has a line for every delivery with the level debug", () => {
  const params = '{"n":1.50}';
  check([
    [0, { ...sent, params }, `debug ${SOCKET} got E_X {"n":1.50} in 2.0 ms`],
    [1, slow, `warn ${SOCKET} is down, and did not get E_X: Timed out`],
    [
      2,
      { ...slow, attempts: 3 },
      `debug ${SOCKET} did not get E_X (attempt 3): Timed out`,
    ],
    [
      3,
      sent,
      `debug ${SOCKET} got E_X in 2.0 ms`,
      `info ${SOCKET} is back after 2.0 s, 2 events failed meanwhile`,
    ],
  ], { level: "debug" });
});

Deno.test("DeliveryLog leaves out what is below its level", () => {
  check([
    [0, slow, `warn ${SOCKET} is down, and did not get E_X: Timed out`],
    [1, sent],
  ], { level: "warn" });
  check([[0, slow], [1, sent]], { level: "error" });
});

Deno.test("formatLogJson() writes event, params as they came, socket, cause, ms and attempts", () => {
  const log = new DeliveryLog();
  const [entry] = log.take({
    event: "E_X\n",
    socket: SOCKET,
    outcome: "failed",
    error: new ServerError(404, "No such user"),
    ms: 2.345,
    params: '{"n":1.50,\n\t"n":1}',
    attempts: 2,
  }, START);
  assertEquals(
    formatLogJson(entry!),
    `{"time":"2026-01-31T12:00:00.000Z","level":"warn","kind":"refusing","socket":"${SOCKET}","event":"E_X\\n","attempts":2,"cause":"server","error":"404 No such user","failed":1,"ms":2.3,"since":"2026-01-31T12:00:00.000Z","params":{"n":1.50,  "n":1}}`,
  );
});

Deno.test("formatLogEntry() writes one line, whatever a server says", () => {
  const log = new DeliveryLog();
  const error = new ServerError(1, "two\nlines \x1b[2J");
  const [entry] = log.take(
    { event: "E_\r\nX", socket: SOCKET, outcome: "failed", error, ms: 1 },
    START,
  );
  assertEquals(
    formatLogEntry(entry!).slice(25),
    `warn ${SOCKET} refuses E_\\u000d\\u000aX: 1 two\\u000alines \\u001b[2J`,
  );
});

Deno.test("DeliveryLog forgets the oldest of very many sockets that do not work", () => {
  const log = new DeliveryLog();
  const take = (i: number, delivery: Partial<LoggedDelivery>) =>
    log.take({
      event: "E_X",
      socket: `jsonrpc:host${i}:1`,
      outcome: "sent",
      ms: 1,
      ...delivery,
    }, START);
  for (let i = 0; i < 10_001; i++) take(i, slow);
  assertEquals(take(0, sent), []);
  assertEquals(take(10_000, sent).length, 1);
});

Deno.test("DeliveryLog refuses options that are none", () => {
  assertThrows(
    () => new DeliveryLog({ level: "loud" as "warn" }),
    RangeError,
    '"loud"',
  );
  for (const remindMs of [0, -1, NaN]) {
    assertThrows(() => new DeliveryLog({ remindMs }), RangeError, "remindMs");
  }
});
