/**
 * Which request a reply settles, and how.
 *
 * @module
 */

import { quote, ServerError } from "./errors.ts";
import { isObject, type JsonValue, MAX_ID } from "./message.ts";

/** What a reply means; `R` is what the caller keeps for a request. */
export type Outcome<R> =
  /** The server confirmed the request. */
  | { kind: "confirmed"; id: number; request: R; result: JsonValue }
  /** The server answered the request with an error. */
  | { kind: "refused"; id: number; request: R; error: ServerError }
  /** The reply is to this request, but is no JSON-RPC 2.0 response. */
  | { kind: "broken"; id: number; request: R; reason: string }
  /** The reply settles nothing, and is to be ignored. */
  | { kind: "unmatched"; reason: string }
  /** The server could not read what we sent: nothing more can be trusted. */
  | { kind: "unreadable"; error: ServerError };

/**
 * Matches one parsed reply with the requests in flight, by the rules of
 * JSON-RPC 2.0 and with tolerance where servers in use need it: `"jsonrpc"` is
 * not looked at, and an `error` that is null counts as absent. Of a batch, give
 * the members one by one. Nothing is changed: it is for the caller to take the
 * settled request out of `inFlight`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { correlate } from "../../mod.ts";
 *
 * const inFlight = new Map([[7, "E_PIKE_BLOCKED"]]);
 * assertEquals(correlate({ jsonrpc: "2.0", result: 8, id: 7 }, inFlight), {
 *   kind: "confirmed",
 *   id: 7,
 *   request: "E_PIKE_BLOCKED",
 *   result: 8,
 * });
 * ```
 */
export function correlate<R>(
  reply: JsonValue,
  inFlight: Pick<ReadonlyMap<number, R>, "get">,
): Outcome<R> {
  if (!isObject(reply)) return unmatched("it is not an object");
  const { id, result, error } = reply;
  if (reply.method !== undefined) {
    return unmatched("it is a request or a notification");
  }
  if (isObject(error) && (id === null || id === undefined)) {
    return { kind: "unreadable", error: toServerError(error) };
  }
  const request = typeof id === "number" ? inFlight.get(id) : undefined;
  if (request === undefined) {
    return unmatched(`no request in flight has the id ${showId(id)}`);
  }
  if (result !== undefined && (error === undefined || error === null)) {
    return { kind: "confirmed", id: id as number, request, result };
  }
  const matched = { id: id as number, request };
  if (isObject(error)) {
    return { kind: "refused", ...matched, error: toServerError(error) };
  }
  if (error !== undefined && error !== null) {
    return { kind: "broken", ...matched, reason: "its error is not an object" };
  }
  return {
    kind: "broken",
    ...matched,
    reason: "it has neither a result nor an error",
  };
}

function unmatched<R>(reason: string): Outcome<R> {
  return { kind: "unmatched", reason };
}

function toServerError(
  { code, message, data }: { [name: string]: JsonValue },
): ServerError {
  return new ServerError(
    typeof code === "number" ? code : 0,
    typeof message === "string" ? message : "",
    data,
  );
}

function showId(id: JsonValue | undefined): string {
  if (id === undefined) return "(absent)";
  if (typeof id === "string") return quote(id);
  return typeof id === "object" && id !== null ? "(no scalar)" : String(id);
}

/**
 * The id for the next request: the one after `previous`, past those in flight,
 * from 2147483647 back to 1.
 */
export function nextId(
  previous: number,
  inFlight: Pick<ReadonlyMap<number, unknown>, "has">,
): number {
  let id = previous;
  do {
    id = id >= MAX_ID ? 1 : id + 1;
  } while (inFlight.has(id));
  return id;
}
