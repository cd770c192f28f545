/**
 * Names of events with `*` in them, such as `E_UL_*`.
 *
 * @module
 */

/** Whether `text` stands for any number of names. */
export function isPattern(text: string): boolean {
  return text.includes("*");
}

/** The function that tells whether a name fits; `*` is any text, even none. */
export function matcherOf(pattern: string): (name: string) => boolean {
  const parts = pattern.split("*").map((part) =>
    part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
  );
  const expression = new RegExp(`^${parts.join(".*")}$`, "s");
  return (name) => expression.test(name);
}
