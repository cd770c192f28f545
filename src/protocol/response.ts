/**
 * JSON-RPC 2.0 responses: matching them with requests, and formatting them.
 *
 * @module
 */

import { quote, ServerError } from "./errors.ts";
import { formatJson, isObject, type JsonValue } from "./json.ts";

/** The code of JSON-RPC 2.0 for a message that is not JSON. */
export const PARSE_ERROR: number = -32700;

/** The meaning of a response. `R` is the caller's type for a request. */
export type Outcome<R> =
  /** The response has the result of the request. */
  | { kind: "confirmed"; id: number; request: R; result: JsonValue }
  /** The response has an error for the request. */
  | { kind: "refused"; id: number; request: R; error: ServerError }
  /** The response belongs to the request, but is not JSON-RPC 2.0. */
  | { kind: "broken"; id: number; request: R; reason: string }
  /** The response belongs to no request. Ignore it. */
  | { kind: "unmatched"; reason: string }
  /** The server could not read what it received. Close the connection. */
  | { kind: "unreadable"; error: ServerError };

/** The requests in flight by their ids, such as a `Map`. */
export type InFlight<R> = Pick<
  ReadonlyMap<number, R>,
  "get" | "size" | "entries"
>;

/**
 * Matches a parsed response with the requests in flight, by the rules of JSON-RPC
 * 2.0. It tolerates some deviations of real servers:
 *
 * - The member `jsonrpc` may have any value, and an `error` that is null counts as
 *   absent.
 * - An id may be a string with the digits of the number.
 * - An error may be a string or an array (Go's `net/rpc`, Electrum, Stratum).
 * - An error without an id belongs to the only request in flight. If there are
 *   several requests, it belongs to none. With the code -32700, the server could
 *   not read what it received.
 *
 * Call it for each member of a batch. It does not change `inFlight`: the caller
 * removes the request.
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
  response: JsonValue,
  inFlight: InFlight<R>,
): Outcome<R> {
  if (!isObject(response)) return unmatched("it is not an object");
  const { id, result, error, method } = response as Response;
  if (method !== undefined) {
    return unmatched("it is a request or a notification");
  }
  const hasError = error !== undefined && error !== null;
  if (hasError && (id === null || id === undefined)) {
    return withoutId(error, inFlight);
  }
  const number = typeof id === "number"
    ? id
    : typeof id === "string" && /^[0-9]{1,10}$/.test(id)
    ? Number(id)
    : -1;
  const request = number === -1 ? undefined : inFlight.get(number);
  if (request === undefined) {
    return unmatched(`no request in flight has the id ${showId(id)}`);
  }
  if (hasError) return refused(number, request, error);
  if (result !== undefined) {
    return { kind: "confirmed", id: number, request, result };
  }
  return {
    kind: "broken",
    id: number,
    request,
    reason: "it has neither a result nor an error",
  };
}

/** The members that a response may have. */
interface Response {
  id?: JsonValue;
  result?: JsonValue;
  error?: JsonValue;
  method?: JsonValue;
}

function withoutId<R>(error: JsonValue, inFlight: InFlight<R>): Outcome<R> {
  if (isObject(error) && error["code"] === PARSE_ERROR) {
    return { kind: "unreadable", error: toServerError(error)! };
  }
  if (inFlight.size !== 1) {
    return unmatched(
      `it is an error without an id, and ${inFlight.size} requests are in flight`,
    );
  }
  for (const [id, request] of inFlight.entries()) {
    return refused(id, request, error);
  }
  return unmatched("it is an error without an id");
}

function refused<R>(id: number, request: R, error: JsonValue): Outcome<R> {
  const serverError = toServerError(error);
  return serverError === undefined
    ? {
      kind: "broken",
      id,
      request,
      reason: "its error is not an object, a string or an array",
    }
    : { kind: "refused", id, request, error: serverError };
}

function unmatched<R>(reason: string): Outcome<R> {
  return { kind: "unmatched", reason };
}

function toServerError(error: JsonValue): ServerError | undefined {
  if (isObject(error)) {
    const { code, message, data } = error as Record<string, JsonValue>;
    return new ServerError(
      typeof code === "number" ? code : 0,
      typeof message === "string" ? message : "",
      data,
    );
  }
  if (typeof error === "string") return new ServerError(0, error, error);
  if (!Array.isArray(error)) return undefined;
  const code = error.find((part) => typeof part === "number");
  const text = error.find((part) => typeof part === "string");
  return new ServerError(code ?? 0, text ?? JSON.stringify(error), error);
}

function showId(id: JsonValue | undefined): string {
  if (id === undefined) return "(absent)";
  if (typeof id === "string") return quote(id);
  return typeof id === "object" && id !== null ? "(no scalar)" : String(id);
}

/**
 * Formats a response with a result. `idText` is the id as JSON text.
 *
 * @throws {ParamsError} if JSON cannot carry the result unchanged.
 */
export function formatResult(idText: string, result: unknown): string {
  return `{"id":${idText},"jsonrpc":"2.0","result":${
    formatJson(result, "result")
  }}`;
}

/**
 * Formats a response with an error. `idText` is the id as JSON text.
 *
 * @throws {ParamsError} if JSON cannot carry the error's data unchanged.
 */
export function formatError(idText: string, error: ServerError): string {
  const data = error.data === undefined
    ? ""
    : `,"data":${formatJson(error.data, "data")}`;
  return `{"id":${idText},"jsonrpc":"2.0","error":{"code":${error.code},"message":${
    JSON.stringify(String(error.message))
  }${data}}}`;
}
