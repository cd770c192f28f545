/** `listen --page`: events as they come, in a browser. */

import { EventFeed, pageForListener, pageUrl } from "../monitor/mod.ts";
import {
  type HttpService,
  serveHttp,
  toHttpAddress,
  toToken,
} from "./http_service.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Serves a page at an address.
 *
 * @throws {UsageError} if the address or the token cannot be used.
 */
export function servePage(at: string, given: string | undefined): Watcher {
  const address = toHttpAddress("--page", at);
  const token = toToken(address.hostname, given);
  const feed = new EventFeed();
  const stopping = new AbortController();
  let service: HttpService | undefined;
  return {
    watch: feed.watch,
    refuse: feed.refuse,
    begin({ socket }) {
      const { signal } = stopping;
      const handler = pageForListener(feed, { socket, token, signal });
      service = serveHttp(address, handler);
      return `page at ${pageUrl(service.addr, token)}`;
    },
    async end() {
      stopping.abort(); // else the streams to viewers hold it up
      await service?.end();
    },
  };
}
