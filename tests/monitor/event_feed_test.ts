import { receivedEvent } from "../helpers/received.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ServerError } from "../../mod.ts";
import { EventFeed } from "../../src/monitor/mod.ts";

const PEER = { hostname: "::1", port: 5 };
const eventOf = (method: string, params = {}, id: number | null = null) =>
  receivedEvent({ method, params, id, peer: PEER });

Deno.test("EventFeed keeps events with their texts, and what was responded", () => {
  const feed = new EventFeed();
  feed.watch(eventOf("E_X", { a: 1 }, 7))?.({ result: { ok: true }, ms: 3 });
  feed.watch(eventOf("E_Y"))?.({ result: 5, ms: 1 });
  const error = new ServerError(404, "No such user", ["x"]);
  feed.watch(eventOf("E_Z", {}, 8))?.({ error, ms: 2 });
  feed.watch(eventOf("E_W", {}, 9))?.({ error: new TypeError("oops"), ms: 2 });
  feed.watch(eventOf("E_V", {}, 10))?.({ result: 1n, ms: 2 });
  feed.watch(eventOf("E_U", {}, 11));
  feed.refuse("the batch is empty", PEER);
  assertEquals(
    feed.slice(0, 100).map(({ seq, method, params, id, response, isError }) => [
      seq,
      method,
      params,
      id,
      response,
      isError,
    ]),
    [
      [0, "E_X", '{"a":1}', "7", '{"ok":true}', false],
      [1, "E_Y", "{}", "null", "", false],
      [
        2,
        "E_Z",
        "{}",
        "8",
        '{"code":404,"message":"No such user","data":["x"]}',
        true,
      ],
      [
        3,
        "E_W",
        "{}",
        "9",
        '{"code":-32603,"message":"TypeError: oops"}',
        true,
      ],
      [4, "E_V", "{}", "10", '"1"', false],
      [5, "E_U", "{}", "11", undefined, false],
      [6, undefined, "the batch is empty", "null", undefined, false],
    ],
  );
  assertEquals(feed.slice(0, 1)[0]!.peer, "[::1]:5");
});

Deno.test("EventFeed takes the params as they came where the server has them", () => {
  const feed = new EventFeed();
  const params = '{"n":1.50,"n":10000000000000000001}';
  feed.watch(Object.assign(eventOf("E_X", { n: 1 }), { paramsText: params }));
  assertEquals(feed.slice(0, 1)[0]!.params, params);
});

Deno.test("EventFeed lets the oldest events go at either bound", () => {
  for (const count of [1, 2, 3, 7, 100]) {
    const few = new EventFeed({ maxEvents: 3 });
    for (let i = 0; i < count; i++) few.watch(eventOf(`E_${i}`));
    const first = Math.max(0, count - 3);
    assertEquals([few.first, few.next], [first, count]);
    assertEquals(
      few.slice(0, count).map(({ method }) => method),
      Array.from({ length: count - first }, (_, i) => `E_${first + i}`),
    );
  }
  const short = new EventFeed({ maxLength: 10_000 });
  for (let i = 0; i < 50; i++) {
    short.watch(eventOf("E_X", { text: "x".repeat(2000) }));
  }
  assertEquals(short.next - short.first, 4);
  short.watch(eventOf("E_X", { text: "x".repeat(20_000) }));
  assertEquals(short.next - short.first, 1); // the newest stays in any case
  short.watch(eventOf("E_X", {}, 1))?.({ result: "x".repeat(30_000), ms: 1 });
  assertEquals(short.next - short.first, 1); // a response counts too
});

Deno.test("EventFeed takes a response to an event that it keeps no more", () => {
  const feed = new EventFeed({ maxEvents: 1 });
  const done = feed.watch(eventOf("E_X", {}, 1));
  feed.watch(eventOf("E_Y"));
  done?.({ result: true, ms: 1 });
  assertEquals(feed.slice(0, 9).map(({ method }) => method), ["E_Y"]);
});

Deno.test("EventFeed.clear() forgets events, and numbers go on", () => {
  const feed = new EventFeed({ maxEvents: 4 });
  for (let i = 0; i < 6; i++) feed.watch(eventOf("E_X"));
  feed.clear();
  assertEquals(feed.slice(0, 9), []);
  for (let i = 0; i < 6; i++) feed.watch(eventOf("E_Y"));
  assertEquals(feed.slice(0, 99).map(({ seq }) => seq), [8, 9, 10, 11]);
});

Deno.test("EventFeed refuses bounds that are none", () => {
  for (const value of [0, -1, 1.5, NaN, Infinity]) {
    const error = assertThrows(
      () => new EventFeed({ maxEvents: value }),
      RangeError,
      "maxEvents",
    );
    assert(error.message.includes(String(value)));
    assertThrows(() => new EventFeed({ maxLength: value }), RangeError);
  }
});

/** Sets the clock until it is disposed. */
function setClock() {
  const { now } = Date;
  let time = now();
  Date.now = () => time;
  return {
    pass: (ms: number) => time += ms,
    [Symbol.dispose]: () => void (Date.now = now),
  };
}

Deno.test("EventFeed keeps every event of a burst, and some of a flood", () => {
  using clock = setClock();
  const feed = new EventFeed({ maxEvents: 1000 });
  const take = (count: number) => {
    for (let i = 0; i < count; i++) feed.watch(eventOf("E_X"));
    return [feed.next, feed.skipped];
  };
  assertEquals(take(100_000), [100_000, 0]);
  assertEquals(take(500), [100_000, 500]);
  clock.pass(1);
  const [kept, skipped] = take(500);
  assertEquals(kept, 100_010);
  assertEquals(kept! + skipped!, 101_000); // none is lost without being counted
  clock.pass(10_000); // then a burst is kept again
  take(16); // in a flood it looks at the clock now and then
  const before = [feed.next, feed.skipped] as const;
  assertEquals(take(900), [before[0] + 900, before[1]]);
});

Deno.test("EventFeed keeps every event that comes slowly enough, however many", () => {
  using clock = setClock();
  const feed = new EventFeed({ maxEvents: 10 });
  for (let i = 0; i < 30_000; i++) {
    clock.pass(1);
    for (let j = 0; j < 10; j++) feed.watch(eventOf("E_X"));
  }
  assertEquals([feed.next, feed.skipped], [300_000, 0]);
});
