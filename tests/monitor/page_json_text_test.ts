import { assertEquals } from "@std/assert";
import { elementsOf, membersOf } from "../../src/protocol/json_members.ts";
import { members } from "../../src/monitor/page/json_text.js";

const CASES: [text: string, members: [string | undefined, string][]][] = [
  ["{}", []],
  [" [ ] ", []],
  ['{"a":1}', [["a", "1"]]],
  ['{ "a" : [1,{"b":":,]"}] , "a":null }', [
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

Deno.test("members() of the page gives what the modules give", () => {
  for (const [text, expected] of CASES) {
    assertEquals(members(text), expected, text);
    const elements = elementsOf(text).map((value) => [undefined, value]);
    assertEquals([...membersOf(text), ...elements], expected, text);
  }
});

Deno.test("members() of the page leaves white space between values out", () => {
  assertEquals(members('{"a": [1 , {"b" : ":, "}]}'), [
    ["a", '[1,{"b":":, "}]'],
  ]);
});
