import { assertEquals, assertThrows } from "@std/assert";
import { formatJson, JsonText } from "../../src/protocol/json.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "new JsonText() takes one JSON text, without the space around it",
  pure,
  () => {
    for (const text of ["1.50", '"\\u0041"', "[ ]", '{"a":1,"a":2}', "null"]) {
      const json = new JsonText(` \t\r\n${text}\n `);
      assertEquals([json.text, `${json}`], [text, text]);
      assertEquals(json.parse(), JSON.parse(text));
    }
    for (const text of ["", " ", "{}{}", "x", "\ufeff{}", "{'a':1}", "01"]) {
      assertThrows(
        () => new JsonText(text),
        SyntaxError,
        "expected one JSON text",
      );
    }
    for (const text of [undefined, 1, {}]) {
      assertThrows(() => new JsonText(text as string), TypeError);
    }
  },
);

Deno.test("formatJson() writes a JsonText as it is", pure, () => {
  assertEquals(formatJson(new JsonText(" 1.0 "), "result"), "1.0");
  assertEquals(formatJson({ a: [1] }, "result"), '{"a":[1]}');
});
