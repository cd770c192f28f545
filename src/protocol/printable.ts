/**
 * Text of others, safe to show.
 *
 * @module
 */

// deno-lint-ignore no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
const ALL_UNSAFE = new RegExp(UNSAFE, "g");

/**
 * Escapes the characters that a terminal acts upon instead of showing them, and
 * those that turn the direction of text. JSON without line breaks stays the same
 * JSON.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { printable } from "../monitor/mod.ts";
 *
 * assertEquals(printable("a\x1b[2Jb"), "a\\u001b[2Jb");
 * ```
 */
export function printable(text: string): string {
  if (!UNSAFE.test(text)) return text; // looking first takes half the time
  return text.replace(
    ALL_UNSAFE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The same of a JSON text, on one line: JSON has line breaks between values only,
 * and there blanks mean the same.
 */
export function printableJson(json: string): string {
  return UNSAFE.test(json) ? printable(json.replace(/[\t\n\r]/g, " ")) : json;
}
