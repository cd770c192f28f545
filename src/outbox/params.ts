/**
 * Params as the text that is kept, and back.
 *
 * @module
 */

import { ParamsError } from "../protocol/errors.ts";
import { type EventParams, formatParams } from "../protocol/params.ts";
import { membersOf } from "../protocol/json_members.ts";

/**
 * Returns the JSON text of params, which goes out as it is.
 *
 * @throws {ParamsError} if JSON cannot carry them, or a param is named
 * `keyParam`.
 */
export function textOf(
  params: EventParams,
  keyParam: string | undefined,
): string {
  const none = Array.isArray(params) ? "[]" : "{}";
  const text = formatParams(params, undefined) || none;
  if (keyParam !== undefined && hasParam(params, text, keyParam)) {
    throw new ParamsError(
      `params.${keyParam}`,
      "the key param has that name and carries the event's key",
    );
  }
  return escapeLoneSurrogates(text);
}

function hasParam(params: EventParams, text: string, name: string): boolean {
  const isPlain = Object.getPrototypeOf(params) === Object.prototype;
  return isPlain
    ? Object.hasOwn(params, name)
    : membersOf(text).some(([other]) => other === name);
}

/** A store keeps UTF-8, which has none; in JSON an escape is the same. */
function escapeLoneSurrogates(text: string): string {
  if (text.isWellFormed()) return text;
  return text.replace(
    /\p{Surrogate}/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16)}`,
  );
}

/** Adds a last param to the text of params: named, where these are. */
export function withParam(text: string, name: string, value: string): string {
  const end = text.length - 1;
  const comma = /^.\s*.$/s.test(text) ? "" : ",";
  const member = text[end] === "}" ? `${JSON.stringify(name)}:` : "";
  return text.slice(0, end) + comma + member + JSON.stringify(value) +
    text[end];
}
