/**
 * The parts of a JSON object or array as texts, as they came.
 *
 * `JSON.parse` loses repeated names, the order of names that look like integers,
 * and digits of large numbers. The texts keep them.
 *
 * @module
 */

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c;

/** A member of an object: its name, and its value as text. */
export type MemberText = readonly [name: string, value: string];

/**
 * The members of a JSON object in their order, repeated names included.
 *
 * `text` must be valid JSON: give it what `JSON.parse` has taken. Of a text that
 * is not an object there are none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { membersOf } from "../../mod.ts";
 *
 * assertEquals(membersOf('{"b":1e400, "2":[ ], "b":null}'), [
 *   ["b", "1e400"],
 *   ["2", "[ ]"],
 *   ["b", "null"],
 * ]);
 * ```
 */
export function membersOf(text: string): MemberText[] {
  if (text.trimStart()[0] !== "{") return [];
  return partsOf(text).map((part): MemberText => {
    const end = endOfString(part, 1);
    return [
      JSON.parse(part.slice(0, end)),
      part.slice(part.indexOf(":", end) + 1).trim(),
    ];
  });
}

/**
 * The elements of a JSON array as texts. `text` must be valid JSON. Of a text
 * that is not an array there are none.
 */
export function elementsOf(text: string): string[] {
  return text.trimStart()[0] === "[" ? partsOf(text) : [];
}

/**
 * The value of a member of a JSON object as text, or `undefined`; of several
 * that have this name the last, as `JSON.parse` takes it. `text` must be valid
 * JSON.
 */
export function memberText(text: string, name: string): string | undefined {
  return membersOf(text).findLast(([other]) => other === name)?.[1];
}

/** How deep the brackets of a JSON text are nested. */
export function depthOf(text: string): number {
  let depth = 0, deepest = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"':
        i = endOfString(text, i + 1) - 1;
        break;
      case "{":
      case "[":
        deepest = Math.max(deepest, ++depth);
        break;
      case "}":
      case "]":
        depth--;
    }
  }
  return deepest;
}

/** What stands between the outermost brackets, cut at the commas. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  let depth = 0, start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      i = endOfString(text, i + 1) - 1;
    } else if (c === 0x7b || c === 0x5b) {
      if (++depth === 1) start = i + 1;
    } else if (c === 0x7d || c === 0x5d) {
      if (--depth > 0) continue;
      const last = text.slice(start, i).trim();
      if (last !== "") parts.push(last);
      break;
    } else if (c === COMMA && depth === 1) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return parts;
}

/** The index after the quote that ends a string. */
function endOfString(text: string, start: number): number {
  for (let i = start; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) return i + 1;
    if (c === BACKSLASH) i++;
  }
  return text.length;
}
