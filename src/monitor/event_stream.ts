/**
 * Sends a feed to those who look at it, as server-sent events.
 *
 * What came within 20 ms goes out as one message: with many viewers, one message
 * for each event takes several times as long. A viewer that is too slow gets
 * what the feed still keeps; it is told how many events it missed.
 *
 * @module
 */

import type { EventFeed, FeedViewer, KeptEvent } from "./event_feed.ts";

/** How long events are gathered before they go out. */
const BATCH_MS = 20;
/** How many events, and about how much text, go out in one message. */
const MAX_BATCH = 500, MAX_BATCH_LENGTH = 256 * 1024;
/** How often a sign of life goes out, so that a peer that is gone is noticed. */
const ALIVE_MS = 15_000;

const encoder = new TextEncoder();

/** One message of server-sent events. */
export function formatMessage(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A response that is a stream of server-sent events. */
export function streamResponse(
  body: ReadableStream<Uint8Array>,
  headers: Record<string, string>,
): Response {
  return new Response(body, {
    headers: { ...headers, "content-type": "text/event-stream" },
  });
}

/** Sends a feed to any number of viewers. */
export class EventStreams {
  readonly #feed: EventFeed;
  readonly #hello: () => unknown;
  readonly #viewers = new Set<Viewer>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #alive: ReturnType<typeof setInterval> | undefined;
  /** The last batch: viewers that are at the same place get the same text. */
  #batch: Batch | undefined;

  /** Constructs it; `hello` makes the first message to each viewer. */
  constructor(feed: EventFeed, hello: () => unknown) {
    this.#feed = feed;
    this.#hello = hello;
  }

  /** Opens a stream for one more viewer, from the oldest event on. */
  open(): ReadableStream<Uint8Array> {
    const viewer = new Viewer(this.#feed, {
      behind: () => this.#arm(),
      batchFrom: (seq) => this.#batchFrom(seq),
      changed: (event) => this.#forget(event),
      closed: () => this.#close(viewer),
    });
    this.#viewers.add(viewer);
    this.#alive ??= setInterval(() => {
      for (const viewer of this.#viewers) viewer.keepAlive();
    }, ALIVE_MS);
    return viewer.stream(formatMessage("hello", this.#hello()));
  }

  /** Ends all streams. */
  close(): void {
    for (const viewer of this.#viewers) viewer.close();
  }

  #close(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    clearTimeout(this.#timer);
    clearInterval(this.#alive);
    this.#timer = this.#alive = this.#batch = undefined;
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const viewer of this.#viewers) viewer.send();
    }, BATCH_MS);
  }

  #batchFrom(from: number): Batch {
    const { next } = this.#feed;
    const last = this.#batch;
    if (last?.from === from && (last.to === next || last.isFull)) return last;
    const events = [];
    let length = 0, to = from;
    for (const event of this.#feed.slice(from, from + MAX_BATCH)) {
      events.push(rowOf(event));
      to = event.seq + 1;
      length += event.params.length + (event.response?.length ?? 0);
      if (length > MAX_BATCH_LENGTH) break;
    }
    return this.#batch = { from, to, isFull: to < next, events };
  }

  /** Forgets the last batch if it holds this event, which has changed. */
  #forget({ seq }: KeptEvent): void {
    if (this.#batch !== undefined && seq < this.#batch.to) {
      this.#batch = undefined;
    }
  }
}

interface Batch {
  readonly from: number;
  readonly to: number;
  readonly isFull: boolean;
  readonly events: readonly Row[];
  /** The message, if nothing else has to be in it. */
  text?: string;
}

/** An event as it goes to the page. */
type Row = readonly [
  seq: number,
  time: number,
  peer: string,
  method: string | null,
  params: string,
  id: string,
  response: string | null,
  isError: boolean,
  ms: number,
];

function rowOf(event: KeptEvent): Row {
  const { seq, time, peer, method, params, id, response, isError, ms } = event;
  return [
    seq,
    time,
    peer,
    method ?? null,
    params,
    id,
    response ?? null,
    isError,
    Math.round(ms * 1000) / 1000,
  ];
}

/** A response that became known after its event was sent. */
function responseOf(event: KeptEvent): readonly unknown[] {
  const [seq, , , , , , response, isError, ms] = rowOf(event);
  return [seq, response, isError, ms];
}

interface ViewerHooks {
  /** There is something to send, and somebody who waits for it. */
  behind(): void;
  batchFrom(seq: number): Batch;
  /** An event has changed that was sent. */
  changed(event: KeptEvent): void;
  closed(): void;
}

/** One who looks at the feed: waiting, sending or closed. */
class Viewer implements FeedViewer {
  readonly #feed: EventFeed;
  readonly #hooks: ViewerHooks;
  readonly #hide: () => void;
  /** The number of the event that is sent next. */
  #next: number;
  /** Events whose response became known after they were sent. */
  #late: KeptEvent[] = [];
  #missed = 0;
  /** How many events the feed has skipped, as far as the viewer was told. */
  #skipped: number;
  #isCleared = false;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Resolves the pull of the stream; `undefined`: the peer has enough. */
  #pulled: (() => void) | undefined;

  constructor(feed: EventFeed, hooks: ViewerHooks) {
    this.#feed = feed;
    this.#hooks = hooks;
    this.#next = feed.first;
    this.#skipped = feed.skipped;
    this.#hide = feed.show(this);
  }

  stream(hello: string): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(encoder.encode(hello));
      },
      pull: () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#pulled = resolve;
        if (this.#hasNews()) this.#hooks.behind();
        return promise;
      },
      cancel: () => this.#end(),
    });
  }

  added(): void {
    if (this.#pulled !== undefined) this.#hooks.behind();
  }

  cleared(): void {
    this.#isCleared = true;
    this.#late = [];
    this.#missed = 0;
    this.#skipped = this.#feed.skipped;
    this.#next = this.#feed.next;
    this.added();
  }

  responded(event: KeptEvent): void {
    this.#hooks.changed(event);
    if (event.seq >= this.#next) return; // it goes out with the event
    // Those that are kept no more need no response, and bound the list.
    if (this.#late.length >= this.#feed.maxEvents) {
      this.#late = this.#late.filter(({ seq }) => seq >= this.#feed.first);
    }
    if (this.#late.length < this.#feed.maxEvents) this.#late.push(event);
    this.added();
  }

  /** Sends what there is, if the peer takes it. */
  send(): void {
    if (this.#pulled === undefined || !this.#hasNews()) return;
    if (this.#isCleared) {
      this.#isCleared = false;
      return this.#write(formatMessage("clear", this.#next));
    }
    const { first, skipped } = this.#feed;
    this.#missed += skipped - this.#skipped;
    this.#skipped = skipped;
    if (this.#next < first) {
      this.#missed += first - this.#next;
      this.#next = first;
    }
    const batch = this.#hooks.batchFrom(this.#next);
    this.#next = batch.to;
    if (this.#late.length === 0 && this.#missed === 0) {
      batch.text ??= formatMessage("events", { events: batch.events });
      return this.#write(batch.text);
    }
    const late = this.#late.splice(0, MAX_BATCH);
    const { events } = batch;
    const missed = this.#missed;
    this.#write(
      formatMessage("events", { events, missed, late: late.map(responseOf) }),
    );
    this.#missed = 0;
  }

  keepAlive(): void {
    if (this.#pulled !== undefined) this.#write(": \n\n");
  }

  close(): void {
    this.#end();
    try {
      this.#controller?.close();
    } catch { /* the peer was faster */ }
  }

  #hasNews(): boolean {
    return this.#next < this.#feed.next || this.#late.length > 0 ||
      this.#skipped < this.#feed.skipped || this.#isCleared;
  }

  #write(text: string): void {
    const pulled = this.#pulled;
    this.#pulled = undefined;
    this.#controller?.enqueue(encoder.encode(text));
    pulled?.();
  }

  #end(): void {
    this.#pulled?.();
    this.#pulled = undefined;
    this.#hide();
    this.#hooks.closed();
  }
}
