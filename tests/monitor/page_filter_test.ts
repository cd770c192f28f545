// The page's own modules, as far as they need no document.

import { assert, assertEquals } from "@std/assert";
import { commandOf, rawOf } from "../../src/monitor/page/command.js";
import { Deque } from "../../src/monitor/page/deque.js";
import { matcherOf, wordFor } from "../../src/monitor/page/filter.js";

const EVENTS = {
  call: {
    method: "E_CALL_START",
    params: '{"caller":"sip:alice@example.com","n":17,"deep":{"ip":"1.2.3.4"}}',
    peer: "10.0.0.7:5060",
    id: "null",
    response: "",
    isError: false,
  },
  pike: {
    method: "E_PIKE_BLOCKED",
    params: '{"ip":"192.168.2.11"}',
    peer: "10.0.0.8:5060",
    id: "7",
    response: '{"code":404,"message":"no"}',
    isError: true,
  },
  list: {
    method: "E_LIST",
    params: '["two words","say \\"hi\\""]',
    peer: "[::1]:40000",
    id: "8",
    response: null,
    isError: false,
  },
  refused: {
    method: null,
    params: "the batch is empty",
    peer: "10.0.0.9:1",
    id: "null",
    response: null,
    isError: false,
  },
};

Deno.test("a query finds events by name, param, peer and kind", () => {
  const cases: [query: string, ...found: (keyof typeof EVENTS)[]][] = [
    ["", "call", "pike", "list", "refused"],
    ["  ", "call", "pike", "list", "refused"],
    ["alice", "call"],
    ["ALICE", "call"],
    ["10.0.0", "call", "pike", "refused"],
    ["event:pike", "pike"],
    ["event:10.0", ...[]],
    ["peer:10.0.0.8", "pike"],
    ["peer:[::1]", "list"],
    ["ip=192", "pike"],
    ["ip=", "pike"],
    ["ip=1.2", ...[]],
    ["n=17", "call"],
    ["caller=alice@", "call"],
    ["is:request", "pike", "list"],
    ["is:notification", "call"],
    ["is:error", "pike"],
    ["is:refused", "refused"],
    ["is:waiting", "list"],
    ["-is:error", "call", "list", "refused"],
    ["-event:call -event:pike", "list", "refused"],
    ['"two words"', "list"],
    ["is:request 10.0.0", "pike"],
    [".*", ...[]],
    ["(", ...[]],
    ["-", ...[]],
    ["is:nothing", ...[]],
    ["batch", "refused"],
  ];
  for (const [query, ...found] of cases) {
    const matches = matcherOf(query) ?? (() => true);
    assertEquals(
      Object.entries(EVENTS).filter(([, event]) => matches(event))
        .map(([name]) => name),
      found,
      query,
    );
  }
});

Deno.test("wordFor() makes a word that finds the text again", () => {
  for (const name of ["E_X", "two words", 'q"uote', "-x"]) {
    const matches = matcherOf(wordFor("event:", name))!;
    const plain = name.replaceAll('"', "");
    assert(matches({ ...EVENTS.call, method: plain }), name);
  }
});

const SOCKET = "jsonrpc:127.0.0.1:8080";

/** What a shell makes of a command's words. */
async function wordsOf(command: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", `printf '%s\\0' ${command}`],
    env: { LC_ALL: "C.UTF-8" },
  }).output();
  return new TextDecoder().decode(stdout).split("\0").slice(0, -1);
}

Deno.test("commandOf() makes a command of an event that a shell takes as it is", async () => {
  const raise = ["event-jsonrpc", "raise"];
  const cases: [method: string, params: string, id: string, ...string[]][] = [
    ["E_X", "{}", "null", SOCKET, "E_X"],
    ["E_X", "{}", "7", "--sync", SOCKET, "E_X"],
    [
      "E_X",
      '{"a":"b c","n":1.50,"o":{"p":null}}',
      "null",
      SOCKET,
      "E_X",
      "a=b c",
      "n:=1.50",
      'o:={"p":null}',
    ],
    [
      "E_X",
      '{"a":"it\'s $HOME `x` \\\\ !"}',
      "null",
      SOCKET,
      "E_X",
      "a=it's $HOME `x` \\ !",
    ],
    ["E_X", '["a",1]', "null", "--params", '["a",1]', SOCKET, "E_X"],
    [
      "E_X",
      '{"a":1,"a":2}',
      "null",
      "--params",
      '{"a":1,"a":2}',
      SOCKET,
      "E_X",
    ],
    ["E_X", '{"a:":"1"}', "null", "--params", '{"a:":"1"}', SOCKET, "E_X"],
    [
      "E_X",
      '{"a":"\\n\\u0000"}',
      "null",
      "--params",
      '{"a":"\\n\\u0000"}',
      SOCKET,
      "E_X",
    ],
    ["-x; rm -rf ~", "{}", "null", "--", SOCKET, "-x; rm -rf ~"],
    ["a'b\\\nc", "{}", "null", SOCKET, "a'b\\\nc"],
    ["\x1b[201~\nls\n", "{}", "null", SOCKET, "\x1b[201~\nls\n"],
  ];
  for (const [method, params, id, ...words] of cases) {
    const command = commandOf({ method, params, id }, SOCKET);
    assertEquals(await wordsOf(command), [...raise, ...words]);
    // deno-lint-ignore no-control-regex
    assert(!/[\0-\x1f]/.test(command), command);
  }
});

Deno.test("rawOf() gives the message, params as they came", () => {
  const event = { method: "E_X", params: '{"n":1.50}', id: "7" };
  assertEquals(
    rawOf(event),
    '{"id":7,"jsonrpc":"2.0","method":"E_X","params":{"n":1.50}}',
  );
});

Deno.test("Deque keeps its order while the front goes", () => {
  const deque = new Deque();
  for (let seq = 0; seq < 50_000; seq++) {
    deque.push({ seq });
    if (seq >= 1000) assertEquals(deque.shift().seq, seq - 1000);
  }
  assertEquals(deque.length, 1000);
  assertEquals(deque.at(0).seq, 49_000);
  assertEquals([...deque].length, 1000);
  for (const seq of [0, 49_000, 49_500, 49_999, 60_000]) {
    const index = deque.indexOf(seq);
    assertEquals(index, Math.min(1000, Math.max(0, seq - 49_000)));
  }
});
