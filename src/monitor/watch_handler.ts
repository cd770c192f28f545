/**
 * Sees what comes in, and what is responded to it.
 *
 * @module
 */

import { ServerError } from "../protocol/errors.ts";
import type { EventHandler, ReceivedEvent } from "../server/event.ts";

/** What a handler made of an event. */
export interface HandlerResponse {
  /** What it returned, or what its promise resolved to. */
  readonly result?: unknown;
  /** What it threw, or what its promise rejected with; `undefined`: nothing. */
  readonly error?: unknown;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/**
 * Is called with each event that comes in, before its handler. It may return a
 * function that is called once, when the handler is done. Neither may throw.
 */
export type EventWatcher = (
  event: ReceivedEvent,
) => ((response: HandlerResponse) => void) | undefined;

/**
 * Puts watchers before a handler, or before an object of one for each method.
 * Responses stay as they are: a method without a handler gets the error -32601.
 * Without watchers the handler itself is returned.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient, serveEvents } from "../../mod.ts";
 * import { watchHandler } from "./mod.ts";
 *
 * const seen: unknown[] = [];
 * const handler = watchHandler(({ params }) => ({ blocked: params }), (event) => {
 *   seen.push(event.method);
 *   return ({ result }) => void seen.push(result);
 * });
 * await using server = serveEvents({ port: 0 }, handler);
 * await using client = new EventClient(server.socket, { syncMode: true });
 * await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals(seen, ["E_PIKE_BLOCKED", { blocked: { ip: "192.168.2.11" } }]);
 * ```
 */
export function watchHandler(
  handler: EventHandler | Record<string, EventHandler>,
  ...watchers: EventWatcher[]
): EventHandler | Record<string, EventHandler> {
  if (watchers.length === 0) return handler;
  const handle = typeof handler === "function" ? handler : byMethod(handler);
  const watch = watchers.length === 1 ? watchers[0]! : together(watchers);
  return (event) => {
    const done = watch(event);
    if (done === undefined) return handle(event); // the clock costs time
    const start = performance.now();
    const elapsed = () => performance.now() - start;
    try {
      const result = handle(event);
      if (!isThenable(result)) {
        done({ result, ms: elapsed() });
        return result;
      }
      return Promise.resolve(result).then((result) => {
        done({ result, ms: elapsed() });
        return result;
      }, (error) => {
        done({ error: error ?? "nothing", ms: elapsed() });
        throw error;
      });
    } catch (error) {
      done({ error: error ?? "nothing", ms: elapsed() });
      throw error;
    }
  };
}

/** Makes one watcher of several. */
function together(watchers: readonly EventWatcher[]): EventWatcher {
  return (event) => {
    const all = watchers.map((watch) => watch(event));
    return (response) => {
      for (const done of all) done?.(response);
    };
  };
}

function byMethod(handlers: Record<string, EventHandler>): EventHandler {
  return (event) => {
    if (!Object.hasOwn(handlers, event.method)) {
      throw new ServerError(-32601, "Method not found");
    }
    return handlers[event.method]!(event);
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null)?.then === "function";
}
