/**
 * JSON-RPC 2.0 responses: which request one settles and how, and their texts.
 *
 * @module
 */

import { quote, ServerError } from "./errors.ts";
import { formatJson, isObject, type JsonValue } from "./json.ts";

/** The code of JSON-RPC 2.0 for a message that is not JSON. */
export const PARSE_ERROR: number = -32700;

/** The meaning of a response; `R` is what the caller keeps for a request. */
export type Outcome<R> =
  /** The server confirmed the request. */
  | { kind: "confirmed"; id: number; request: R; result: JsonValue }
  /** The server answered the request with an error. */
  | { kind: "refused"; id: number; request: R; error: ServerError }
  /** It responds to this request, but is no JSON-RPC 2.0 response. */
  | { kind: "broken"; id: number; request: R; reason: string }
  /** It settles nothing, and is to be ignored. */
  | { kind: "unmatched"; reason: string }
  /** The server could not read what we sent: nothing more can be trusted. */
  | { kind: "unreadable"; error: ServerError };

/** The requests in flight by their ids, as a `Map` has them. */
export type InFlight<R> = Pick<
  ReadonlyMap<number, R>,
  "get" | "size" | "entries"
>;

/**
 * Matches one parsed response with the requests in flight, by the rules of
 * JSON-RPC 2.0 and with tolerance for servers in use:
 *
 * - `"jsonrpc"` is not looked at, and an `error` that is null counts as absent;
 * - an id may be the digits of a number as a string;
 * - an error may be a text or a list (Go's `net/rpc`, Electrum, Stratum);
 * - an error without an id belongs to the only request in flight. It belongs to
 *   none if there are several. With the code -32700 the server could not read us.
 *
 * Of a batch, give the members one by one. Nothing is changed: the caller takes
 * the settled request out of `inFlight`.
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
      reason: "its error is neither an object nor a text nor a list",
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
 * The response that carries a result. `idText` is JSON text.
 *
 * @throws {ParamsError} if JSON cannot carry the result unchanged.
 */
export function formatResult(idText: string, result: unknown): string {
  return `{"id":${idText},"jsonrpc":"2.0","result":${
    formatJson(result, "result")
  }}`;
}

/**
 * The response that carries an error. `idText` is JSON text.
 *
 * @throws {ParamsError} if JSON cannot carry its data unchanged.
 */
export function formatError(idText: string, error: ServerError): string {
  const data = error.data === undefined
    ? ""
    : `,"data":${formatJson(error.data, "data")}`;
  return `{"id":${idText},"jsonrpc":"2.0","error":{"code":${error.code},"message":${
    JSON.stringify(String(error.message))
  }${data}}}`;
}
