import { assertEquals } from "@std/assert";
import {
  depthOf,
  elementsOf,
  membersOf,
  memberText,
} from "../../src/protocol/json_members.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";

const pure = { permissions: "none" } as const;

Deno.test("membersOf() gives names and values as they came", pure, () => {
  assertEquals(membersOf("{}"), []);
  assertEquals(membersOf(" { } "), []);
  assertEquals(membersOf("[1]"), []);
  assertEquals(membersOf('"{}"'), []);
  assertEquals(
    membersOf(
      ` { "2" : 12345678901234567890, "1":[1,{"a":","}] ,"2":"}\\"," , "\\u0061":{"b":2}}`,
    ),
    [
      ["2", "12345678901234567890"],
      ["1", `[1,{"a":","}]`],
      ["2", `"}\\","`],
      ["a", `{"b":2}`],
    ],
  );
});

Deno.test("elementsOf() gives elements as they came", pure, () => {
  assertEquals(elementsOf("[]"), []);
  assertEquals(elementsOf("{}"), []);
  assertEquals(elementsOf(` [1.0 , "],[" ,[ ],{"a":[1,2]}, null ]`), [
    "1.0",
    `"],["`,
    "[ ]",
    `{"a":[1,2]}`,
    "null",
  ]);
});

Deno.test("memberText() gives the last of a repeated name", pure, () => {
  assertEquals(memberText(`{"id":1,"a":{"id":2},"id":3}`, "id"), "3");
  assertEquals(memberText(`{"a":1}`, "id"), undefined);
});

Deno.test("depthOf() counts brackets outside of strings", pure, () => {
  for (
    const [text, depth] of [
      ["1", 0],
      [`"[[["`, 0],
      [`[{"a":["]]"]},[]]`, 3],
      [`["\\"[",[[[]]]]`, 4],
    ] as const
  ) {
    assertEquals(depthOf(text), depth, text);
  }
});

Deno.test("membersOf() and elementsOf() agree with JSON.parse", pure, () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const any = <T>(list: T[]) => list[Math.floor(random() * list.length)];
  const text = () =>
    Array.from({ length: random() * 5 }, () => any([...`{}[]",:\\ aé`])).join(
      "",
    );
  const value = (depth: number): unknown => {
    const list = () =>
      Array.from({ length: random() * 4 }, () => value(depth + 1));
    return any([
      text,
      () => random() * 100,
      () => null,
      ...depth < 3
        ? [list, () => Object.fromEntries(list().map((v) => [text(), v]))]
        : [],
    ])();
  };
  for (let i = 0; i < 5000; i++) {
    const parsed = value(0);
    const written = JSON.stringify(parsed, null, any([undefined, 1]));
    const expected = parsed !== null && typeof parsed === "object"
      ? Object.entries(parsed)
      : [];
    const isArray = Array.isArray(parsed);
    const actual = isArray
      ? elementsOf(written).map((e, n) => [String(n), JSON.parse(e)])
      : membersOf(written).map(([name, v]) => [name, JSON.parse(v)]);
    assertEquals(actual, expected, `seed ${seed}: ${written}`);
  }
});

Deno.test("memberText() knows escaped names, and the last of several", () => {
  const text = String
    .raw`{"a\"params":1,"\u0070arams":[1],"b":"\\","c":"\\\"}","params":{"x":"\\"} , "\\":0}`;
  assertEquals(memberText(text, "params"), String.raw`{"x":"\\"}`);
  assertEquals(memberText(text, 'a"params'), "1");
  assertEquals(memberText(text, "c"), String.raw`"\\\"}"`);
  assertEquals(memberText(text, "\\"), "0");
  assertEquals(memberText(String.raw`{"\u0070arams":[1]}`, "params"), "[1]");
  assertEquals(memberText("[1]", "params"), undefined);
});
