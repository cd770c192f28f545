// JSON as text: digits, names and their order stay as they came.

// What would be invisible, or would turn the direction of what follows.
export const UNSEEN =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text of others as it can be shown. */
export function shown(text) {
  return text.replace(
    UNSEEN,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The parts of a JSON text: strings, marks, and other values. */
export const JSON_PARTS =
  /"[^"\\]*(?:\\[^][^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The members of an object's JSON text, or the elements of an array's, as text. */
export function members(text) {
  const parts = text.match(JSON_PARTS) ?? [];
  const found = [];
  let depth = 0, name, value = "";
  const end = () => {
    if (value !== "") found.push([name, value]);
    name = undefined;
    value = "";
  };
  for (const part of parts) {
    const isOpening = part === "{" || part === "[";
    const isClosing = part === "}" || part === "]";
    if (isClosing) depth--;
    if (depth === 0 && isClosing) end();
    else if (depth === 1 && part === ",") end();
    else if (depth === 1 && part === ":" && name === undefined) {
      name = JSON.parse(value);
      value = "";
    } else if (depth > 0) value += part;
    if (isOpening) depth++;
  }
  return found;
}
