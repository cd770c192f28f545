/**
 * The parts of a JSON text, as texts.
 *
 * `JSON.parse` loses repeated names, the order of names that look like integers,
 * and digits of large numbers. These texts keep them.
 *
 * @module
 */

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c;

/** A member of an object: its name, and its value as text. */
export type MemberText = readonly [name: string, value: string];

/**
 * Returns the members of a JSON object in order, repeated names included, or an
 * empty array if `text` is not an object.
 *
 * `text` must be valid JSON, as `JSON.parse` accepts it.
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
  return partsOf(text).map((part): MemberText => [nameOf(part), valueOf(part)]);
}

/**
 * Returns the elements of a JSON array as texts, or an empty array if `text` is
 * not an array. `text` must be valid JSON.
 */
export function elementsOf(text: string): string[] {
  return text.trimStart()[0] === "[" ? partsOf(text) : [];
}

/**
 * Returns the value of a member of a JSON object as text, or `undefined`. Of
 * several members with this name it takes the last, as `JSON.parse` does. `text`
 * must be valid JSON.
 */
export function memberText(text: string, name: string): string | undefined {
  if (text.trimStart()[0] !== "{") return undefined;
  const member = partsOf(text).findLast((part) => nameOf(part) === name);
  return member === undefined ? undefined : valueOf(member);
}

/** Returns the name of a member. */
function nameOf(member: string): string {
  const end = endOfString(member, 1);
  const name = member.slice(1, end - 1);
  return name.includes("\\") ? JSON.parse(member.slice(0, end)) : name;
}

/** Returns the value of a member, as text. */
function valueOf(member: string): string {
  return member.slice(member.indexOf(":", endOfString(member, 1)) + 1).trim();
}

/** Returns how deep the brackets of a JSON text are nested. */
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

/** Splits the text between the outermost brackets at the commas. */
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

/** Returns the index after the quote that ends a string. */
function endOfString(text: string, start: number): number {
  let i = text.indexOf('"', start);
  while (i !== -1) {
    // A quote is escaped if an odd number of backslashes stands before it.
    let first = i;
    while (text.charCodeAt(first - 1) === BACKSLASH) first--;
    if ((i - first) % 2 === 0) return i + 1;
    i = text.indexOf('"', i + 1);
  }
  return text.length;
}
