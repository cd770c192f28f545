/**
 * JSON values, and JSON texts that go on as they came.
 *
 * @module
 */

import { type ParamsError, quote } from "./errors.ts";
import { refusalOf } from "./json_check.ts";

/** A value that JSON carries unchanged. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonValue[]
  | { [name: string]: JsonValue };

/** A JSON object. */
export type JsonObject = { [name: string]: JsonValue };

/** Whether a parsed JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A JSON text that goes on as it came: what a parsed value loses stays, such as
 * numbers that a double cannot hold, repeated names, and the order of names that
 * look like integers.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { buildMessage, JsonText } from "../../mod.ts";
 *
 * const params = new JsonText(' {"start":1756800000123456789} ');
 * assertEquals(
 *   buildMessage({ protocol: "tcp" }, "E_X", params),
 *   `{"jsonrpc":"2.0","method":"E_X","params":{"start":1756800000123456789}}`,
 * );
 * ```
 */
export class JsonText {
  /** The text, without the white space around it. */
  readonly text: string;

  /**
   * Constructs a text.
   *
   * @throws {SyntaxError} if `text` is not one JSON text.
   * @throws {TypeError} if `text` is not a string.
   */
  constructor(text: string) {
    if (typeof text !== "string") {
      throw new TypeError(
        `Cannot use a JSON text that is ${typeof text}: expected a string`,
      );
    }
    try {
      JSON.parse(text);
    } catch (cause) {
      throw new SyntaxError(
        `Cannot use ${quote(text)}: expected one JSON text`,
        { cause },
      );
    }
    this.text = text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  }

  /** Parses the text, which loses what this class keeps. */
  parse(): JsonValue {
    return JSON.parse(this.text);
  }

  /** Returns the text. */
  toString(): string {
    return this.text;
  }
}

/**
 * Formats a value as JSON text, or gives the text of a {@linkcode JsonText}. The
 * value is called `name` in errors.
 *
 * @throws {ParamsError} if JSON cannot carry the value unchanged.
 */
export function formatJson(value: unknown, name: string): string {
  if (typeof value === "number" && Number.isSafeInteger(value)) {
    return String(value);
  }
  if (value instanceof JsonText) return value.text;
  const refusal: ParamsError | undefined = refusalOf(value, name);
  if (refusal !== undefined) throw refusal;
  return JSON.stringify(value);
}
