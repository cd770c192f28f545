import { assertEquals } from "@std/assert";
import { printable, printableJson } from "../../src/protocol/printable.ts";

Deno.test("printable() escapes all that a terminal would act upon", {
  permissions: "none",
}, () => {
  const unsafe = (code: number) =>
    code < 0x20 || code >= 0x7f && code < 0xa0 ||
    code >= 0x2028 && code <= 0x202e || code >= 0x2066 && code <= 0x2069;
  for (let code = 0; code < 0x10000; code++) {
    const c = String.fromCharCode(code);
    const expected = unsafe(code)
      ? `\\u${code.toString(16).padStart(4, "0")}`
      : c;
    if (printable(c) !== expected) assertEquals(printable(c), expected);
  }
  assertEquals(printable("\x1b[1ma\né\x1b"), "\\u001b[1ma\\u000aé\\u001b");
  assertEquals(printable("\x1b"), printable("\x1b")); // and keeps no state
});

Deno.test("printableJson() puts JSON on one line, and it stays the same JSON", {
  permissions: "none",
}, () => {
  for (
    const [json, expected] of [
      ['{"a":1}', '{"a":1}'],
      ['{\n  "a": [1,\r\n\t2]\n}', '{   "a": [1,   2] }'],
      ['["\u009b\u202e", "\\n"]', '["\\u009b\\u202e", "\\n"]'],
    ] as const
  ) {
    assertEquals(printableJson(json), expected);
    assertEquals(JSON.parse(expected), JSON.parse(json));
  }
});
