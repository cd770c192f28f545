import { assertEquals } from "@std/assert";
import { membersOf, partsOf } from "../../src/monitor/json_parts.ts";
import { members } from "../../src/monitor/page/json_text.js";

const CASES: [text: string, members: [string | undefined, string][]][] = [
  ["{}", []],
  [" [ ] ", []],
  ['{"a":1}', [["a", "1"]]],
  ['{ "a" : [1 , {"b" : ":,]"}] , "a":null }', [
    ["a", '[1,{"b":":,]"}]'],
    ["a", "null"],
  ]],
  ['["a",{"b":{}},[]]', [
    [undefined, '"a"'],
    [undefined, '{"b":{}}'],
    [undefined, "[]"],
  ]],
  ['{"\\"\\u0041":"\\\\"}', [['"A', '"\\\\"']]],
  ['{"":""}', [["", '""']]],
  ['{"__proto__":-1.50e+3}', [["__proto__", "-1.50e+3"]]],
];

Deno.test("membersOf() gives the members as they came, here and in the page", () => {
  for (const [text, expected] of CASES) {
    assertEquals(
      membersOf(text).map(({ name, value }) => [name, value]),
      expected,
      text,
    );
    assertEquals(members(text), expected, text);
  }
});

Deno.test("partsOf() takes texts of any length", () => {
  const long = JSON.stringify('\\"x'.repeat(1_000_000));
  assertEquals(partsOf(`[${long}]`).length, 3);
  const many = JSON.stringify(new Array(300_000).fill(1));
  assertEquals(partsOf(many).length, 600_001);
});
