/**
 * Messages as the receiver of events sees them: requests and notifications.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue } from "./json.ts";
import { memberText } from "./json_members.ts";

/**
 * The id of a request: JSON-RPC 2.0 allows a string, a number or null. A number
 * that a double cannot hold exactly is a `bigint` where it is an integer.
 */
export type RequestId = string | number | bigint | null;

/** A message, by its kind. */
export type IncomingMessage =
  | {
    kind: "notification";
    method: string;
    params: JsonObject | JsonValue[];
  }
  | {
    kind: "request";
    /** The id, parsed. */
    id: RequestId;
    /** The id as JSON text, digit for digit: it goes back in the response. */
    idText: string;
    method: string;
    params: JsonObject | JsonValue[];
  }
  | {
    kind: "invalid";
    /** The id as JSON text: `null` if it cannot be read. */
    idText: string;
    reason: string;
  };

/**
 * Reads a parsed JSON value as a notification or a request, by the rules of
 * JSON-RPC 2.0. As OpenSIPS marks a notification with `"id":null`, that counts
 * as none too. Absent params, and params that are null, are `{}`.
 *
 * @param text The text of the value, if it is at hand: an id beyond 2^53 is
 * taken from it digit for digit.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readMessage } from "../../mod.ts";
 *
 * assertEquals(readMessage({ id: null, jsonrpc: "2.0", method: "E_X" }), {
 *   kind: "notification",
 *   method: "E_X",
 *   params: {},
 * });
 * ```
 */
export function readMessage(value: unknown, text?: string): IncomingMessage {
  if (!isObject(value)) return invalid("null", "it is not an object");
  const { id = null, jsonrpc, method } = value as Record<string, JsonValue>;
  if (id !== null && typeof id !== "string" && typeof id !== "number") {
    return invalid("null", "its id is not a string, a number or null");
  }
  const idText = idTextOf(id, text);
  if (idText === "Infinity" || idText === "-Infinity") {
    return invalid("null", "its id is out of range");
  }
  if (jsonrpc !== "2.0") return invalid(idText, `its "jsonrpc" is not "2.0"`);
  if (typeof method !== "string") {
    return invalid(idText, `its "method" is not a string`);
  }
  const params = (value as Record<string, JsonValue>)["params"] ?? {};
  if (!isObject(params) && !Array.isArray(params)) {
    return invalid(idText, `its "params" are neither an object nor an array`);
  }
  if (id === null) return { kind: "notification", method, params };
  return {
    kind: "request",
    id: isBeyondDouble(id) && /^-?[0-9]+$/.test(idText) ? BigInt(idText) : id,
    idText,
    method,
    params,
  };
}

function idTextOf(
  id: string | number | null,
  text: string | undefined,
): string {
  if (id === null) return "null";
  if (typeof id === "string") return JSON.stringify(id);
  return isBeyondDouble(id) && text !== undefined
    ? memberText(text, "id")!
    : String(id);
}

/** Whether a number may have had digits in its text that it has no more. */
function isBeyondDouble(id: JsonValue): id is number {
  return typeof id === "number" && !Number.isSafeInteger(id);
}

function invalid(idText: string, reason: string): IncomingMessage {
  return { kind: "invalid", idText, reason };
}
