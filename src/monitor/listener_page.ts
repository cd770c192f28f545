/**
 * The page of the receiving end.
 *
 * @module
 */

import type { EventFeed } from "./event_feed.ts";
import { EventStreams, streamResponse } from "./event_stream.ts";
import { type FetchHandler, HEADERS } from "./guard.ts";
import { pageHandler, type PageOptions } from "./page_handler.ts";

/** Options of {@linkcode pageForListener}. */
export interface ListenerPageOptions extends PageOptions {
  /**
   * The socket at which events come in, such as `jsonrpc:127.0.0.1:8080`: the
   * page shows it, and puts it into commands to copy.
   */
  socket?: string | undefined;
}

/**
 * Makes a handler of HTTP requests that shows, in a browser, the events that
 * come in: as they come, with filters, what was responded and how long it took.
 *
 * Content is shown as text, and the page loads and runs nothing else. Without a
 * token, it is for this machine only: see {@linkcode GuardOptions}. In a runtime
 * that cannot import files as text, the page says so.
 *
 * @example
 * ```ts
 * import { serveEvents } from "../../mod.ts";
 * import { EventFeed, pageForListener, watchHandler } from "./mod.ts";
 *
 * const feed = new EventFeed();
 * await using server = serveEvents(
 *   { port: 0, onInvalid: feed.refuse },
 *   watchHandler(() => true, feed.watch),
 * );
 * const stop = new AbortController();
 * const page = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0, onListen: () => {} },
 *   pageForListener(feed, { socket: server.socket, signal: stop.signal }),
 * );
 * // Open it in a browser. At the end:
 * stop.abort();
 * await page.shutdown();
 * ```
 *
 * @throws {RangeError} if the token is too short.
 */
export function pageForListener(
  feed: EventFeed,
  options: ListenerPageOptions = {},
): FetchHandler {
  const { socket, signal } = options;
  const run = crypto.randomUUID();
  const streams = new EventStreams(feed, () => ({
    run,
    socket,
    maxEvents: feed.maxEvents,
  }));
  signal?.addEventListener("abort", () => streams.close(), { once: true });
  return pageHandler("listener", {
    "GET /events": () => streamResponse(streams.open(), HEADERS),
    "POST /clear": () => {
      feed.clear();
      return new Response(null, { status: 204, headers: HEADERS });
    },
  }, options);
}
