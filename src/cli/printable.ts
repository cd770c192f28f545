/** Text that is safe for a terminal. */

// deno-lint-ignore no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
const ALL_UNSAFE = new RegExp(UNSAFE, "g");

/**
 * Escapes what a terminal would act upon rather than show. JSON without line
 * breaks stays the same JSON. To look first takes half the time.
 */
export function printable(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(
    ALL_UNSAFE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The same of a JSON text, on one line: JSON has line breaks between values only. */
export function printableJson(json: string): string {
  return UNSAFE.test(json) ? printable(json.replace(/[\t\n\r]/g, " ")) : json;
}
