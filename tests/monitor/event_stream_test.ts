import { receivedEvent } from "../helpers/received.ts";
import { assert, assertEquals } from "@std/assert";
import { EventFeed, pageForListener } from "../../src/monitor/mod.ts";

const PEER = { hostname: "127.0.0.1", port: 5 };
const eventOf = (method: string, id: number | null = null) =>
  receivedEvent({ method, id, peer: PEER });

type Row = [
  seq: number,
  time: number,
  peer: string,
  method: string,
  ...unknown[],
];
interface Message {
  name: string;
  data: { events: Row[]; late?: unknown[][]; missed?: number };
}

/** A viewer: its messages one by one. */
async function look(feed: EventFeed) {
  const stop = new AbortController();
  const handler = pageForListener(feed, { signal: stop.signal });
  const request = new Request("http://127.0.0.1/events");
  const { body } = await handler(request);
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  async function next(): Promise<Message | undefined> {
    while (!text.includes("\n\n")) {
      const { value, done } = await reader.read();
      if (done) return undefined;
      text += value;
    }
    const end = text.indexOf("\n\n");
    const [, name, data] = /^event: (.*)\ndata: (.*)$/s
      .exec(text.slice(0, end))!;
    text = text.slice(end + 2);
    return { name, data: JSON.parse(data) };
  }
  return { next, reader, stop: () => stop.abort() };
}

Deno.test("a viewer gets a greeting, what is kept, and what comes, many events in a message", async () => {
  const feed = new EventFeed();
  feed.watch(eventOf("E_OLD"));
  const viewer = await look(feed);
  assertEquals((await viewer.next())!.name, "hello");
  assertEquals((await viewer.next())!.data.events[0]![3], "E_OLD");
  for (let i = 0; i < 500; i++) feed.watch(eventOf(`E_${i}`));
  const message = await viewer.next();
  assertEquals(message!.data.events.length, 500);
  assertEquals(message!.data.events[499]![3], "E_499");
  viewer.stop();
  assertEquals(await viewer.next(), undefined);
});

Deno.test("all viewers get all events in their order, wherever they begin", async () => {
  const feed = new EventFeed();
  const viewers = [];
  for (let i = 0; i < 5; i++) {
    viewers.push(await look(feed));
    for (let n = 0; n < 1500; n++) feed.watch(eventOf("E_X"));
  }
  for (const viewer of viewers) {
    let wanted = 0;
    while (wanted < feed.next) {
      const { name, data } = (await viewer.next())!;
      if (name !== "events") continue;
      for (const [seq] of data.events) assertEquals(seq, wanted++);
    }
    viewer.stop();
  }
});

Deno.test("a response that comes after its event goes out by itself", async () => {
  const feed = new EventFeed();
  const viewers = [await look(feed), await look(feed)];
  const done = feed.watch(eventOf("E_SLOW", 7));
  for (const viewer of viewers) {
    await viewer.next();
    assertEquals((await viewer.next())!.data.events[0]![6], null);
  }
  done?.({ result: "late", ms: 12.5 });
  for (const viewer of viewers) {
    const { data } = (await viewer.next())!;
    assertEquals([data.events, data.late], [[], [[0, '"late"', false, 12.5]]]);
  }
  for (const viewer of viewers) viewer.stop();
});

Deno.test("a response is not missed by a viewer that has not got the event yet", async () => {
  const feed = new EventFeed();
  const quick = await look(feed), slow = await look(feed);
  const done = feed.watch(eventOf("E_SLOW", 7));
  await quick.next();
  await quick.next();
  done?.({ result: true, ms: 1 });
  let response: unknown = null;
  while (response === null) {
    const { name, data } = (await slow.next())!;
    if (name !== "events") continue;
    for (const row of data.events) response = row[6];
    for (const row of data.late ?? []) response = row[1];
  }
  assertEquals(response, "true");
  quick.stop();
  slow.stop();
});

Deno.test("a viewer that is too slow is told how many events it missed", async () => {
  const feed = new EventFeed({ maxEvents: 100 });
  const viewer = await look(feed);
  await viewer.next(); // then it does not read for a while
  for (let i = 0; i < 1000; i++) feed.watch(eventOf(`E_${i}`));
  const { data } = (await viewer.next())!;
  assertEquals([data.missed, data.events.length], [900, 100]);
  viewer.stop();
});

Deno.test("clearing reaches all viewers, and they go on", async () => {
  const feed = new EventFeed();
  const viewer = await look(feed);
  await viewer.next();
  feed.watch(eventOf("E_OLD"));
  await viewer.next();
  feed.clear();
  assertEquals((await viewer.next())!.name, "clear");
  feed.watch(eventOf("E_NEW"));
  assertEquals((await viewer.next())!.data.events.map((row) => row[3]), [
    "E_NEW",
  ]);
  viewer.stop();
});

Deno.test("a viewer that goes leaves nothing behind, and others stay", async () => {
  const feed = new EventFeed();
  const gone = await look(feed), other = await look(feed);
  await gone.next();
  await gone.reader.cancel();
  await other.next();
  feed.watch(eventOf("E_X"));
  assert((await other.next())!.data.events.length === 1);
  other.stop();
});

Deno.test("over HTTP a viewer that closes its connection is let go", async () => {
  const feed = new EventFeed();
  let cancelled = false;
  const shown = feed.show.bind(feed);
  feed.show = (viewer) => {
    const hide = shown(viewer);
    return () => {
      cancelled = true;
      gone.resolve();
      return hide();
    };
  };
  const gone = Promise.withResolvers<void>();
  const stop = new AbortController();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    pageForListener(feed, { signal: stop.signal }),
  );
  const leave = new AbortController();
  const response = await fetch(
    `http://127.0.0.1:${server.addr.port}/events`,
    { signal: leave.signal },
  );
  await response.body!.getReader().read();
  leave.abort();
  feed.watch(eventOf("E_X"));
  await gone.promise;
  assert(cancelled);
  stop.abort();
});
