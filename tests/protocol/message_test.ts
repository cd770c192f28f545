import { assertEquals, assertThrows } from "@std/assert";
import { ParamsError } from "../../src/protocol/errors.ts";
import { buildMessage } from "../../src/protocol/message.ts";
import { type EventParams, NamedParams } from "../../src/protocol/params.ts";
import { MAX_DEPTH } from "../../src/protocol/json_stream.ts";
import { JsonText } from "../../src/protocol/json.ts";
import { parseSocket } from "../../src/protocol/socket.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import recorded from "../data/opensips-wire.json" with { type: "json" };

const pure = { permissions: "none" } as const;
const SOCKET = parseSocket("jsonrpc:127.0.0.1:8080");
const TCP = parseSocket("tcp:127.0.0.1:8080");

/** Only the params of what goes out. */
function paramsOf(params: EventParams, eventParam?: string): string {
  const message = buildMessage(SOCKET, "E_X", params, { eventParam });
  const head = `{"id":null,"jsonrpc":"2.0","method":"E_X","params":`;
  assertEquals(message.startsWith(head), true, message);
  return message.slice(head.length, -1);
}

/** What is refused, with the path and the reason. */
function refusal(params: unknown, eventParam?: string): ParamsError {
  return assertThrows(
    () => buildMessage(SOCKET, "E_X", params as EventParams, { eventParam }),
    ParamsError,
  );
}

// What OpenSIPS puts on the wire.

for (const [i, r] of recorded.entries()) {
  const { opensips, sync, event_param: eventParam, id, text } = r;
  const name = `${opensips} ${sync ? "request" : "notification"}, ${r.case}` +
    (eventParam === null ? "" : ", event param");
  const pairs = r.params as [string | null, string | number][];
  const params = pairs.some(([name]) => name !== null)
    ? new NamedParams(pairs as [string, unknown][])
    : pairs.map(([, value]) => value);

  Deno.test(
    `buildMessage() writes what OpenSIPS wrote: #${i} ${name}`,
    pure,
    () => {
      const message = buildMessage(parseSocket(r.socket), r.event, params, {
        id: id ?? undefined,
        eventParam: eventParam ?? undefined,
      });
      assertEquals(message, text);
    },
  );
}

Deno.test("the recorded messages are 200", pure, () => {
  assertEquals(recorded.length, 200);
});

// Params that go out.

const CARRIED: [name: string, params: EventParams, text: string][] = [
  ["no params", {}, `{}`],
  ["no unnamed params", [], `{}`],
  ["no named params", new NamedParams([]), `{}`],
  ["an object without a prototype", Object.create(null), `{}`],
  [
    "values of every kind",
    {
      s: "x",
      i: 1,
      f: -1.5e-7,
      z: -0,
      t: true,
      n: null,
      a: [1, [2]],
      o: { p: {} },
    },
    `{"s":"x","i":1,"f":-1.5e-7,"z":0,"t":true,"n":null,"a":[1,[2]],"o":{"p":{}}}`,
  ],
  ["unnamed values", [3, "5", null, [], {}], `[3,"5",null,[],{}]`],
  [
    "control characters",
    ['\0\x1f\x7f\b\t\n\f\r"\\/'],
    `["\\u0000\\u001f\x7f\\b\\t\\n\\f\\r\\"\\\\/"]`,
  ],
  ["text beyond ASCII", ["é漢😀\u2028"], `["é漢😀\u2028"]`],
  ["a lone surrogate, escaped", ["\ud800"], `["\\ud800"]`],
  [
    "large and small numbers",
    [1e21, 5e-324, 2 ** 53, -(2 ** 31)],
    `[1e+21,5e-324,9007199254740992,-2147483648]`,
  ],
  [
    "names that look like integers, in order",
    new NamedParams([["2", "b"], ["1", "a"]]),
    `{"2":"b","1":"a"}`,
  ],
  [
    "a repeated name",
    new NamedParams([["ip", 1], ["ip", 2]]),
    `{"ip":1,"ip":2}`,
  ],
  [
    "__proto__ as a name",
    new NamedParams([["__proto__", 1], ["constructor", 2]]),
    `{"__proto__":1,"constructor":2}`,
  ],
  [
    "__proto__ in parsed JSON",
    JSON.parse(`{"__proto__":{"a":1}}`),
    `{"__proto__":{"a":1}}`,
  ],
  ["an empty name", { "": 1 }, `{"":1}`],
  ["pairs of a Map", new NamedParams(new Map([["a", 1]])), `{"a":1}`],
  [
    "pairs of a URLSearchParams",
    new NamedParams(new URLSearchParams("a=1&a=2")),
    `{"a":"1","a":"2"}`,
  ],
  ["the same object twice", ((o) => [o, o])({ a: 1 }), `[{"a":1},{"a":1}]`],
  ["a getter", {
    get a() {
      return 1;
    },
  }, `{"a":1}`],
  [
    "nothing of what is not enumerable",
    Object.defineProperty({ a: 1 }, "b", { value: 2 }),
    `{"a":1}`,
  ],
  [
    "nothing of what has a symbol for its name",
    { a: 1, [Symbol("b")]: 2 },
    `{"a":1}`,
  ],
  ["a frozen object", Object.freeze({ a: Object.freeze([1]) }), `{"a":[1]}`],
  ["a Proxy of a plain object", new Proxy({ a: 1 }, {}), `{"a":1}`],
];

for (const [name, params, text] of CARRIED) {
  Deno.test(`buildMessage() carries ${name}`, pure, () => {
    assertEquals(paramsOf(params), text);
    JSON.parse(text);
  });
}

Deno.test("buildMessage() puts the event param first", pure, () => {
  assertEquals(paramsOf({ ip: 1 }, "event"), `{"event":"E_X","ip":1}`);
  assertEquals(paramsOf([3, 5], "event"), `["E_X",3,5]`);
  assertEquals(paramsOf([""], "event"), `["E_X",""]`);
  assertEquals(paramsOf({}, "event"), `{"event":"E_X"}`);
  // OpenSIPS counts no params as named ones.
  assertEquals(paramsOf([], "event"), `{"event":"E_X"}`);
  assertEquals(paramsOf({ a: 1 }, `"\n`), `{"\\"\\n":"E_X","a":1}`);
});

Deno.test("buildMessage() escapes event and method", pure, () => {
  assertEquals(
    buildMessage({ protocol: "tcp", method: `a"b` }, "E_X", {}),
    `{"jsonrpc":"2.0","method":"a\\"b"}`,
  );
  assertEquals(
    buildMessage({ protocol: "tcp" }, `E"\u0001`, {}),
    `{"jsonrpc":"2.0","method":"E\\"\\u0001"}`,
  );
});

Deno.test(
  "buildMessage() puts unnamed params into a tcp: message",
  pure,
  () => {
    const build = (params: EventParams, eventParam?: string) =>
      buildMessage(TCP, "E_X", params, { eventParam, id: 7 });
    const head = `{"id":7,"jsonrpc":"2.0","method":"E_X"`;
    assertEquals(build([3, 5]), `${head},"params":[3,5]}`);
    assertEquals(build([3, 5], "event"), `${head},"params":["E_X",3,5]}`);
    assertEquals(build([{ a: [] }, null]), `${head},"params":[{"a":[]},null]}`);
    for (const none of [{}, [], new NamedParams([]), new JsonText(" [ ] ")]) {
      assertEquals(build(none), `${head}}`);
      assertEquals(build(none, "event"), `${head}}`);
    }
  },
);

Deno.test("buildMessage() sends a JsonText as it is", pure, () => {
  for (
    const text of [
      `{"n":12345678901234567890,"x":1e-400,"y":4503599627370497.51}`,
      `{"contact":"a","contact":"b","2":1,"1":2,"__proto__":3}`,
      `[ 1.0 , "\\u00e9" ,{ "a" : [ ] } ]`,
    ]
  ) {
    assertEquals(paramsOf(new JsonText(` \n${text}\t `)), text);
  }
  assertEquals(paramsOf(new JsonText(" { } ")), "{}");
  assertEquals(
    paramsOf(new JsonText(`{ "ip":1}`), "event"),
    `{"event":"E_X", "ip":1}`,
  );
  assertEquals(paramsOf(new JsonText(`[1.50]`), "event"), `["E_X",1.50]`);
  assertEquals(refusal(new JsonText("5")).path, "params");
  assertEquals(refusal(new JsonText('"x"')).path, "params");
  const named = new JsonText(`{"a":{"event":1},"\\u0065vent":1}`);
  assertEquals(refusal(named, "event").path, "params.event");
  const deep = "[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH);
  assertEquals(refusal(new JsonText(deep)).message.includes("deeper"), true);
});

Deno.test("buildMessage() takes ids from 1 to 2147483647", pure, () => {
  for (const id of [1, 2147483647]) {
    assertEquals(
      buildMessage(TCP, "E_X", {}, { id }),
      `{"id":${id},"jsonrpc":"2.0","method":"E_X"}`,
    );
  }
  for (const id of [0, -1, 2147483648, 1.5, NaN]) {
    assertThrows(
      () => buildMessage(TCP, "E_X", {}, { id }),
      RangeError,
      `Cannot use id ${id}: expected an integer from 1 to 2147483647`,
    );
  }
});

Deno.test("buildMessage() refuses an event without a name", pure, () => {
  for (const event of ["", undefined, null, 1]) {
    assertThrows(
      () => buildMessage(SOCKET, event as string, {}),
      TypeError,
      "expected a non-empty string",
    );
  }
});

Deno.test("buildMessage() changes none of its input", pure, () => {
  const params = { b: [{ c: 1 }], a: "x" };
  const before = structuredClone(params);
  buildMessage(SOCKET, "E_X", params, { eventParam: "event", id: 1 });
  assertEquals(params, before);
  assertEquals(Object.keys(params), ["b", "a"]);
});

// Params that are refused.

class Caller {
  name = "alice";
}
const cycle: Record<string, unknown> = { a: { b: [] } };
(cycle.a as { b: unknown[] }).b.push(cycle.a);

const REFUSED: [name: string, params: unknown, path: string, why: string][] = [
  [
    "a match",
    { m: "abc".match(/b/) },
    "params.m",
    "JSON drops its properties",
  ],
  [
    "an object whose class extends null",
    [Object.create(Object.create(null))],
    "params[0]",
    "expected a plain object",
  ],
  [
    "a class whose name is hostile",
    [new ({ ["\x1b[31m"]: class {} }["\x1b[31m"])()],
    "params[0]",
    "a \\u001b[31m object",
  ],
  [
    "a name that looks like a symbol",
    { "[Symbol(\x1b": undefined },
    `params["[Symbol(\\u001b"]`,
    "undefined",
  ],
  ["undefined", { ip: undefined }, "params.ip", "undefined"],
  ["NaN", { n: NaN }, "params.n", "NaN"],
  ["infinity", [1, -Infinity], "params[1]", "-Infinity"],
  ["a bigint", { n: { m: 1n } }, "params.n.m", "a bigint"],
  ["a function", { f() {} }, "params.f", "a function"],
  ["a symbol", [Symbol("x")], "params[0]", "Symbol(x)"],
  ["a hole in an array", { a: [1, , 3] }, "params.a[1]", "undefined"],
  [
    "bytes",
    { caller: { bytes: new Uint8Array(2) } },
    "params.caller.bytes",
    "a Uint8Array object",
  ],
  ["a Date", { at: new Date(0) }, "params.at", "a Date object"],
  ["a Map", { m: new Map() }, "params.m", "a Map object"],
  ["an Error", { e: new Error() }, "params.e", "a Error object"],
  [
    "an instance of a class",
    { c: new Caller() },
    "params.c",
    "a Caller object",
  ],
  ["a boxed string", { s: new String("x") }, "params.s", "a String object"],
  ["a toJSON", { a: { toJSON: () => 1 } }, "params.a.toJSON", "a function"],
  [
    "a getter that throws",
    {
      get ip() {
        throw new Error("boo");
      },
    },
    "params.ip",
    "reading it failed",
  ],
  [
    "a Proxy that throws",
    {
      p: new Proxy({}, {
        ownKeys() {
          throw new Error("boo");
        },
      }),
    },
    "params.p",
    "reading it failed",
  ],
  [
    "a revoked Proxy",
    [((p) => (p.revoke(), p.proxy))(Proxy.revocable({}, {}))],
    "params[0]",
    "reading it failed",
  ],
  ["a cycle", cycle, "params.a.b[0]", "a cycle"],
  ["a string for params", "ip", "params", "it is a string"],
  ["null for params", null, "params", "it is null"],
  ["a Map for params", new Map([["a", 1]]), "params", "a Map object"],
  [
    "a name that is no identifier",
    { "a b": [undefined] },
    `params["a b"][0]`,
    "undefined",
  ],
  [
    "a name with a control character",
    { "\x1b": undefined },
    `params["\\u001b"]`,
    "undefined",
  ],
];

for (const [name, params, path, why] of REFUSED) {
  Deno.test(`buildMessage() refuses ${name}`, pure, () => {
    const error = refusal(params);
    assertEquals(error.path, path);
    assertEquals(
      error.message.startsWith(`Cannot use ${path}: `) &&
        error.message.includes(why),
      true,
      error.message,
    );
  });
}

Deno.test(
  "buildMessage() refuses params that are a revoked Proxy",
  pure,
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    assertEquals(refusal(proxy).path, "params");
  },
);

Deno.test("buildMessage() keeps what a getter threw as the cause", pure, () => {
  const boo = new Error("boo");
  const error = refusal({
    get ip() {
      throw boo;
    },
  });
  assertEquals(error.cause, boo);
});

Deno.test(
  "buildMessage() refuses a name equal to the event param",
  pure,
  () => {
    for (
      const params of [{ ip: 1, event: 2 }, new NamedParams([["event", 2]])]
    ) {
      const error = refusal(params, "event");
      assertEquals(error.path, "params.event");
    }
    assertEquals(
      paramsOf({ a: { event: 1 } }, "event"),
      `{"event":"E_X","a":{"event":1}}`,
    );
    assertEquals(
      paramsOf({ toString: 1 }, "event"),
      `{"event":"E_X","toString":1}`,
    );
  },
);

Deno.test(
  "buildMessage() refuses 10,000 levels, and carries as many as it says",
  pure,
  () => {
    const nested = (levels: number) => {
      let value: unknown = 1;
      for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { a: value };
      return { value };
    };
    JSON.parse(paramsOf(nested(MAX_DEPTH - 2)));
    const error = refusal(nested(MAX_DEPTH - 1));
    assertEquals(
      error.message.includes("nested deeper than 1000 levels"),
      true,
    );
    assertEquals(error.message.length < 500, true, "a readable message");
    refusal(nested(10_000));
  },
);

Deno.test("buildMessage() ends on a Proxy without end", pure, () => {
  const endless: object = new Proxy({}, {
    ownKeys: () => ["a"],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: () => endless,
  });
  assertEquals(refusal({ endless }).message.includes("a cycle"), true);
  const fresh = (): object =>
    new Proxy({}, {
      ownKeys: () => ["a"],
      getOwnPropertyDescriptor: () => ({
        enumerable: true,
        configurable: true,
      }),
      get: fresh,
    });
  assertEquals(refusal(fresh()).message.includes("nested deeper"), true);
  const long = new Proxy([], {
    get: (_, key) =>
      key === "length" ? Number.MAX_SAFE_INTEGER : "x".repeat(1e4),
  });
  assertEquals(refusal(long).message.includes("longer than 16777216"), true);
});

Deno.test(
  "buildMessage() refuses shared objects that grow without bound",
  pure,
  () => {
    let value: unknown = "x";
    for (let i = 0; i < 40; i++) value = [value, value];
    assertEquals(refusal({ value }).message.includes("longer than"), true);
  },
);

Deno.test("new NamedParams() refuses what is not a pair", pure, () => {
  for (const pairs of [[["a", 1], [1, 2]], ["ab"], [{}], [null]]) {
    const error = assertThrows(
      () => new NamedParams(pairs as Iterable<[string, unknown]>),
      ParamsError,
      "expected a pair",
    );
    assertEquals(error.path, `pairs[${pairs.length - 1}]`);
  }
});

Deno.test(
  "new NamedParams() is not changed by what is done to the pairs",
  pure,
  () => {
    const pair: [string, unknown] = ["a", 1];
    const pairs = [pair];
    const params = new NamedParams(pairs);
    pair[0] = "b";
    pairs.push(["c", 2]);
    assertEquals([...params], [["a", 1]]);
  },
);

Deno.test(
  "buildMessage() refuses empty arrays and objects without end",
  pure,
  () => {
    for (const empty of [[], {}]) {
      const endless = new Proxy([], {
        get: (_, key) => key === "length" ? 2 ** 40 : empty,
      });
      assertEquals(refusal(endless).message.includes("longer than"), true);
    }
    let value: unknown[] = [];
    for (let i = 0; i < 40; i++) value = [value, value];
    assertEquals(refusal(value).message.includes("longer than"), true);
  },
);

Deno.test("buildMessage() refuses an event param that is no name", pure, () => {
  for (const eventParam of ["", 5, null]) {
    assertThrows(
      () => paramsOf({}, eventParam as string),
      TypeError,
      `Cannot use eventParam ${
        JSON.stringify(eventParam)
      }: expected a non-empty string`,
    );
  }
});

// Params of scalars are encoded on a path of their own; nobody may notice.

Deno.test(
  "buildMessage() carries 10,000 random params of scalars as JSON.stringify does",
  pure,
  () => {
    const seed = newSeed();
    const random = randomFrom(seed);
    const any = <T>(list: T[]) => list[Math.floor(random() * list.length)];
    const ALPHABETS = [
      "abcdefghijklmnopqrstuvwxyz_0123456789.:@ ",
      `"\\/{}[]:,'`,
      "\0\x01\b\t\n\x1f\x7f\x80",
      "é漢😀\ud800\udc00\u2028\ufeff",
    ];
    const text = () => {
      const alphabet = [...any(ALPHABETS), "x"];
      const length = random() < 0.01 ? 5000 * random() : 20 * random();
      return Array.from({ length }, () => any(alphabet)).join("");
    };
    const number = () => any([0, -0, 1, -1.5, 1e21, 5e-324, 2 ** 53, random()]);
    for (let i = 0; i < 10_000; i++) {
      const params: Record<string, unknown> = {};
      for (let n = Math.floor(6 * random()); n > 0; n--) {
        params[text()] = any([text, text, number, () => null, () => true])();
      }
      assertEquals(paramsOf(params), JSON.stringify(params), `seed ${seed}`);
    }
  },
);

Deno.test(
  "buildMessage() carries params up to the room for those of scalars, and beyond",
  pure,
  () => {
    for (const value of ["x", '"', "é", "\x01", 1.5, true]) {
      for (let count = 670; count < 690; count++) {
        const text = String(value).repeat(count);
        for (const params of [{ text }, { a: 1, text }, { [text]: value }]) {
          assertEquals(paramsOf(params), JSON.stringify(params));
        }
      }
      const many = Object.fromEntries(
        Array.from({ length: 1000 }, (_, n) => [`name${n}`, value]),
      );
      assertEquals(paramsOf(many), JSON.stringify(many));
    }
  },
);

Deno.test("buildMessage() can be called by a getter of params", pure, () => {
  const inner = { c: "inner" };
  const params = {
    a: "outer",
    get b() {
      assertEquals(paramsOf(inner), `{"c":"inner"}`);
      return "outer";
    },
    d: "outer",
  };
  assertEquals(paramsOf(params), `{"a":"outer","b":"outer","d":"outer"}`);
});

Deno.test("buildMessage() ignores what Object.prototype was given", () => {
  const prototype = Object.prototype as Record<string, unknown>;
  prototype.polluted = 1;
  try {
    assertEquals(paramsOf({ a: 1 }), `{"a":1}`);
    assertEquals(paramsOf({ a: { b: 1 } }), `{"a":{"b":1}}`);
  } finally {
    delete prototype.polluted;
  }
});

Deno.test("buildMessage() writes ids of all lengths", pure, () => {
  for (let power = 1; power <= 1e9; power *= 10) {
    for (const id of [power, power + 1, 2 * power - 1, 10 * power - 1]) {
      if (id > 0x7fffffff) continue;
      const message = buildMessage({ protocol: "jsonrpc" }, "E", {}, { id });
      assertEquals(JSON.parse(message).id, id);
    }
  }
});
