/**
 * JSON texts in parts: digits, names and their order stay as they came.
 *
 * @module
 */

/** Strings, marks, and other values. */
const PARTS = /"[^"\\]*(?:\\[^][^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The parts of a JSON text, without the white space between them. */
export function partsOf(text: string): readonly string[] {
  return text.match(PARTS) ?? [];
}

/** A member of an object, or an element of an array. */
export interface Member {
  /** The name; an element has none. */
  readonly name: string | undefined;
  /** The value, as JSON without white space. */
  readonly value: string;
}

/** The members of an object's JSON text, or the elements of an array's. */
export function membersOf(text: string): Member[] {
  const found: Member[] = [];
  let depth = 0, value = "";
  let name: string | undefined;
  const end = () => {
    if (value !== "") found.push({ name, value });
    name = undefined;
    value = "";
  };
  for (const part of partsOf(text)) {
    const isClosing = part === "}" || part === "]";
    if (isClosing) depth--;
    if (depth === 0 && isClosing || depth === 1 && part === ",") end();
    else if (depth === 1 && part === ":" && name === undefined) {
      name = JSON.parse(value) as string;
      value = "";
    } else if (depth > 0) value += part;
    if (part === "{" || part === "[") depth++;
  }
  return found;
}
