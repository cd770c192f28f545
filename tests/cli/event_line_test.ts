import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/arguments.ts";
import { parseEventLine } from "../../src/cli/event_line.ts";

Deno.test("parseEventLine() keeps params as they stand in the line", {
  permissions: "none",
}, () => {
  for (
    const params of [
      `{}`,
      `[ ]`,
      `{"a":1,"a":2,"2":[],"1":{}}`,
      `{"n":1e-400,"m":[12345678901234567890, 0.10,-0]}`,
      `["\\u00e9\\ud83d", "params", {"params":1}]`,
    ]
  ) {
    for (
      const line of [
        `{"event":"E","params":${params}}`,
        ` {"params" : ${params} , "event":"E"} \r`,
        `{"method":"E","params":${params},"id":null,"peer":"x","time":"y"}`,
      ]
    ) {
      const parsed = parseEventLine(line);
      assertEquals([parsed.event, parsed.params?.text], ["E", params], line);
    }
  }
});

Deno.test("parseEventLine() takes what listen --json writes", {
  permissions: "none",
}, () => {
  for (
    const [line, event] of [
      [`{"method":"m"}`, "m"],
      [`{"method":"m","id":5,"peer":"127.0.0.1:1","time":"","more":[1]}`, "m"],
    ] as const
  ) {
    const expected = { event, params: undefined, key: undefined };
    assertEquals(parseEventLine(line), expected);
  }
});

Deno.test("parseEventLine() takes a key where there may be one", {
  permissions: "none",
}, () => {
  for (const name of ["event", "method"]) {
    const line = (key: string) => `{"${name}":"E","params":[1],"key":${key}}`;
    assertEquals(parseEventLine(line(`"call-17"`), true).key, "call-17");
    assertEquals(parseEventLine(`{"${name}":"E"}`, true).key, undefined);
    for (const key of ["17", "null", `["a"]`]) {
      assertThrows(
        () => parseEventLine(line(key), true),
        UsageError,
        `its "key" is not a text`,
      );
    }
  }
  assertThrows(
    () => parseEventLine(`{"event":"E","key":"k"}`),
    UsageError,
    `it has "key", expected "event" and "params" only`,
  );
  assertThrows(
    () => parseEventLine(`{"event":"E","keys":"k"}`, true),
    UsageError,
    `it has "keys", expected "event", "params", and "key" only`,
  );
});

Deno.test("parseEventLine() says what is wrong with a line", {
  permissions: "none",
}, () => {
  for (
    const [line, message] of [
      ["{", "it is not JSON"],
      ["null", "it is not a JSON object"],
      [`[{"event":"E"}]`, "it is not a JSON object"],
      [`{"params":{}}`, `it has no "event" that is a name`],
      [`{"event":5}`, `it has no "event" that is a name`],
      [`{"method":["E"]}`, `it has no "method" that is a name`],
      [`{"event":"E","params":null}`, "neither an object nor an array"],
      [`{"method":"E","params":"x"}`, "neither an object nor an array"],
      [
        `{"method":"E","params":{},"paramsText":"{\\"a\\":1}"}`,
        `its "paramsText" is not the text of its "params"`,
      ],
      [`{"method":"E","params":{},"paramsText":"{"}`, `its "paramsText"`],
      [
        `{"event":"E","params":{},"paramsText":"{}"}`,
        `it has "paramsText", expected "event" and`,
      ],
      [`{"event":"E","parms":{}}`, `it has "parms", expected "event" and`],
      [`{"event":"E","method":"m"}`, `it has "method", expected "event" and`],
    ] as const
  ) {
    assertThrows(() => parseEventLine(line), UsageError, message);
  }
});
