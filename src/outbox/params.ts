/**
 * Params as the text that is kept, and back.
 *
 * @module
 */

import { ParamsError } from "../protocol/errors.ts";
import {
  encodeJson,
  encodeParams,
  type EventParams,
  NamedParams,
} from "../protocol/message.ts";

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
  if (keyParam !== undefined && hasParam(params, keyParam)) {
    throw new ParamsError(
      `params.${keyParam}`,
      "the key param has that name and carries the event's key",
    );
  }
  return escapeLoneSurrogates(encode(params));
}

function encode(params: EventParams): string {
  const isObject = typeof params === "object" && params !== null;
  if (isObject && !(params instanceof NamedParams)) {
    return encodeJson(params, "params");
  }
  const { bytes, length } = encodeParams(params, undefined); // with the "}" of a message
  return new TextDecoder().decode(bytes.subarray(0, length - 1));
}

function hasParam(params: EventParams, name: string): boolean {
  return params instanceof NamedParams
    ? [...params].some((pair) => pair[0] === name)
    : !Array.isArray(params) && Object.hasOwn(Object(params), name);
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
