/**
 * Acts once on an event that comes twice.
 *
 * @module
 */

import { formatJson } from "../protocol/json.ts";
import type { EventHandler, ReceivedEvent } from "../server/event.ts";
import type { KeyMemory } from "./store.ts";

/** Options of {@linkcode deduplicate}. */
export interface DeduplicateOptions {
  /**
   * The param that has the key, as the outbox was told by its own `keyParam`. Of
   * unnamed params it is the last.
   *
   * @default {"key"}
   */
  keyParam?: string | undefined;
  /**
   * How long a key is remembered, in milliseconds: longer than an outbox may be
   * down.
   *
   * @default {86400000}
   */
  rememberMs?: number | undefined;
  /**
   * Called when the store cannot remember a key. The event is confirmed all the
   * same, since it was handled.
   *
   * @default {console.error}
   */
  onError?: ((error: unknown) => void) | undefined;
}

const DAY_MS = 86_400_000;

/**
 * Wraps a handler of `serveEvents`, so that it is called once for each key and
 * method. An event that comes again gets the result of the first time; while
 * that one is being handled, it waits for it. When the handler throws, the event
 * counts as not handled. An event without a key goes to the handler as it is.
 *
 * What a handler has done when its process ends before the key is remembered is
 * done again. Only a handler that does both in one transaction can do better.
 *
 * @throws {RangeError} if `rememberMs` is out of its range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient, serveEvents } from "../../mod.ts";
 * import { deduplicate, memoryStore } from "./mod.ts";
 *
 * let bills = 0;
 * await using store = memoryStore(); // openSqlite("seen.db") outlives a crash
 * await using server = serveEvents(
 *   { port: 0 },
 *   deduplicate(store, () => `bill ${++bills}`),
 * );
 *
 * await using client = new EventClient(server.socket, { syncMode: true });
 * const params = { seconds: 61, key: "call-17" };
 * assertEquals(await client.raise("E_CALL_ENDED", params), "bill 1");
 * assertEquals(await client.raise("E_CALL_ENDED", params), "bill 1");
 * ```
 */
export function deduplicate(
  memory: KeyMemory,
  handler: EventHandler,
  options: DeduplicateOptions = {},
): EventHandler {
  const { keyParam = "key", rememberMs = DAY_MS, onError = console.error } =
    options;
  if (!(rememberMs > 0)) {
    throw new RangeError(
      `Cannot use rememberMs ${rememberMs}: expected milliseconds, more than 0`,
    );
  }
  const underWay = new Map<string, Promise<unknown>>();

  async function handleOnce(
    event: ReceivedEvent,
    name: string,
  ): Promise<unknown> {
    const known = await memory.recall(name);
    if (known !== undefined) return JSON.parse(known);
    const result = (await handler(event)) ?? null;
    const text = formatJson(result, "result");
    try {
      await memory.remember(name, text, Date.now() + rememberMs);
    } catch (error) {
      onError(error);
    }
    return result;
  }

  return (event) => {
    const key = keyOf(event.params, keyParam);
    if (key === undefined) return handler(event);
    // One event may go to several methods of a server.
    const name = JSON.stringify([event.method, key]);
    let result = underWay.get(name);
    if (result === undefined) {
      result = handleOnce(event, name)
        .finally(() => underWay.delete(name));
      underWay.set(name, result);
    }
    return result;
  };
}

function keyOf(
  params: ReceivedEvent["params"],
  keyParam: string,
): string | undefined {
  const key = Array.isArray(params)
    ? params.at(-1)
    : Object.hasOwn(params, keyParam)
    ? params[keyParam]
    : undefined;
  return typeof key === "string" && key !== "" ? key : undefined;
}
