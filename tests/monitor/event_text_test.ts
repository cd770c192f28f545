import { assert, assertEquals } from "@std/assert";
import { formatEvent, printable } from "../../src/monitor/mod.ts";

const EVENT = {
  method: "E_X",
  peer: { hostname: "10.0.0.7", port: 5060 },
  time: new Date(2026, 0, 31, 9, 5, 7, 42),
};
const HEAD = "09:05:07.042 10.0.0.7:5060 E_X";

Deno.test("formatEvent() puts an event that fits on one line", () => {
  const cases: [params: string, text: string][] = [
    ["{}", ""],
    ["[]", ""],
    ['{"ip":"192.168.2.11","n":3}', "  ip=192.168.2.11  n=3"],
    ['[ "a", 1.50, true, null ]', "  a  1.50  true  null"],
    [
      '{"a":"3","b":"true","c":"","d":"x y"}',
      '  a="3"  b="true"  c=""  d="x y"',
    ],
    ['{"uri":"sip:a@b;transport=udp"}', "  uri=sip:a@b;transport=udp"],
    ['{"a b":1,"c=d":2}', '  "a b"=1  "c=d"=2'],
    ['{"n":1,"n":2,"1":3,"__proto__":4}', "  n=1  n=2  1=3  __proto__=4"],
    ['{"big":12345678901234567890.10}', "  big=12345678901234567890.10"],
    ['{"o":{"p":[1,{}]}}', '  o={"p":[1,{}]}'],
    ['{"o": { "p" : [1 , ": "] }}', '  o={"p":[1,": "]}'],
  ];
  for (const [params, text] of cases) {
    assertEquals(formatEvent({ ...EVENT, params }), HEAD + text);
  }
  const request = { ...EVENT, params: "{}", id: '"a"' };
  assertEquals(formatEvent(request), `${HEAD} #"a"`);
  const peer = { hostname: "::1", port: 5 };
  assert(formatEvent({ ...EVENT, params: "{}", peer }).includes(" [::1]:5 "));
});

Deno.test("formatEvent() gives each param a line where an event does not fit", () => {
  const params = JSON.stringify({
    caller: "sip:alice@atlanta.example.com",
    callee: "sip:bob@biloxi.example.net",
    n: 1,
  });
  assertEquals(
    formatEvent({ ...EVENT, params }),
    [
      HEAD,
      "  caller  sip:alice@atlanta.example.com",
      "  callee  sip:bob@biloxi.example.net",
      "  n       1",
    ].join("\n"),
  );
  assert(!formatEvent({ ...EVENT, params }, { columns: 200 }).includes("\n"));
  const deep = `{"list":[1,{"a":"${"x".repeat(80)}","b":[],"c":{}}]}`;
  assertEquals(
    formatEvent({ ...EVENT, params: deep }),
    [
      HEAD,
      "  list  [",
      "    1,",
      "    {",
      `      "a": "${"x".repeat(80)}",`,
      '      "b": [],',
      '      "c": {}',
      "    }",
      "  ]",
    ].join("\n"),
  );
});

Deno.test("formatEvent() changes nothing but colours where they are wanted", () => {
  for (
    const params of [
      "{}",
      '["a b",1,true]',
      '{"a":"b","n":1,"o":{"x":[null]}}',
      `{"o":{"x":["${"y".repeat(90)}",2]},"a":"b"}`,
    ]
  ) {
    for (const id of [undefined, "7"]) {
      const event = { ...EVENT, params, id };
      const colored = formatEvent(event, { color: true });
      assert(colored.includes("\x1b[1mE_X\x1b[0m"));
      // deno-lint-ignore no-control-regex
      const plain = colored.replace(/\x1b\[[0-9;]*m/g, "");
      assertEquals(plain, formatEvent(event));
    }
  }
});

Deno.test("formatEvent() lets nothing through that a terminal acts upon", () => {
  const evil = "\x1b[2J\x9b1m\x07\r\n\u202e";
  const text = formatEvent({
    ...EVENT,
    method: `E_${evil}`,
    params: JSON.stringify({ [evil]: evil, deep: [evil, "x".repeat(99)] }),
    peer: { hostname: evil, port: 1 },
    id: JSON.stringify(evil),
  });
  for (const line of text.split("\n")) assertEquals(printable(line), line);
});

Deno.test("formatEvent() takes params of any length", () => {
  const text = '\\"x'.repeat(1_000_000);
  const long = formatEvent({ ...EVENT, params: JSON.stringify([[text]]) });
  assert(long.includes(JSON.stringify(text)));
  const params = JSON.stringify([new Array(300_000).fill(1)]);
  assertEquals(formatEvent({ ...EVENT, params }).split("\n").length, 300_003);
});
