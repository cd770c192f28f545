import { assert, assertEquals } from "@std/assert";
import {
  findEvents,
  hintsFor,
  type OpenSipsEvents,
} from "../../src/opensips/mod.ts";
import { matcherOf } from "../../src/protocol/patterns.ts";
import reference from "../data/opensips-events.json" with { type: "json" };

/** Events whose names are configured have none that could be looked up. */
const CONFIGURED = "(configured)";

Deno.test("findEvents() knows all events of 3.0 and 4.0, with their params in order", () => {
  for (const version of ["3.0", "4.0"] as const) {
    const known = reference[version].filter((e) => e.event !== CONFIGURED);
    for (const { event, module, params } of known) {
      const [info] = findEvents(event);
      assertEquals(info?.module, module, event);
      const names = info.params.filter((p) => p.versions.includes(version))
        .map(({ name }) => name);
      if (version === "4.0") assertEquals(names, params, event);
      else assertEquals(names.toSorted(), params.toSorted(), event);
    }
    assertEquals(
      findEvents().filter((e) => e.versions.includes(version)).length,
      known.length,
    );
  }
});

Deno.test("OpenSipsEvents has the params of the catalogue, optional where a version lacks them", () => {
  const source = Deno.readTextFileSync(
    new URL("../../src/opensips/catalogue.ts", import.meta.url),
  ).replace(/\/\*\*[^]*?\*\//g, "");
  const membersOf = (
    block: string,
  ) => [...block.matchAll(/^\s+(\w+)(\??): OpenSipsValue;/gm)];
  const shared = new Map(
    [...source.matchAll(/^export type (\w+Params) = \{([^}]*)\}/gm)]
      .map(([, name, block]) => [name, block]),
  );
  const body =
    /^export interface OpenSipsEvents \{([^]*?)^\}/m.exec(source)![1];
  const typed = [...body.matchAll(/^ {2}(E_\w+): (?:(\w+);|\{([^}]*)\};)/gm)];
  assertEquals(typed.length, findEvents().length);
  for (const [, event, name, block] of typed) {
    const [{ params, versions }] = findEvents(event);
    const members = membersOf(block ?? shared.get(name)!);
    assertEquals(
      members.map(([, param]) => param).toSorted(),
      params.map(({ name }) => name).toSorted(),
      event,
    );
    for (const [, param, optional] of members) {
      const found = params.find(({ name }) => name === param)!;
      if (found.versions.length < versions.length) {
        assertEquals(optional, "?", `${event} ${param}`);
      }
    }
  }
});

Deno.test("OpenSipsEvents is a type that own events can be added to", () => {
  type Events = OpenSipsEvents & { E_CALL: { from: string } };
  const inserted: Events["E_UL_CONTACT_INSERT"] = {
    aor: "alice",
    uri: "sip:alice@192.0.2.1",
    qval: "18446744073709551615",
    socket: "udp:192.0.2.2:5060",
    bflags: 0,
    expires: 3600,
    callid: "c",
    cseq: 1,
    attr: null,
    latency: 0,
    shtag: "",
  };
  const accounted: Events["E_ACC_EVENT"] = {
    method: "INVITE",
    from_tag: "a",
    to_tag: "b",
    callid: "c",
    sip_code: "200",
    sip_reason: "OK",
    time: 1,
    my_extra: "x",
  };
  assertEquals([inserted.domain, accounted["my_extra"]], [undefined, "x"]);
});

Deno.test("findEvents() finds by a name or a pattern", () => {
  const names = (pattern?: string) => findEvents(pattern).map((e) => e.event);
  assertEquals(names("E_PIKE_BLOCKED"), ["E_PIKE_BLOCKED"]);
  assertEquals(names("E_UL_AOR_*"), ["E_UL_AOR_INSERT", "E_UL_AOR_DELETE"]);
  assertEquals(names("*_STATUS").includes("E_RTPENGINE_STATUS"), true);
  assertEquals(names("e_pike_blocked"), []);
  assertEquals(names("E_PIKE"), []);
  assertEquals(names(), names("*"));
  assert(names()[0].startsWith("E_CORE_"));
});

Deno.test("hintsFor() tells what may be mistyped", () => {
  const cases: [event: string, params: string[], hints: string[]][] = [
    ["E_PIKE_BLOCKED", ["ip"], []],
    ["E_PIKE_BLOCKED", [], []],
    ["E_PIKE_BLOCKED", ["ipp", "ipp", "port"], [
      `E_PIKE_BLOCKED of OpenSIPS has no param "ipp", did you mean "ip"?`,
      `E_PIKE_BLOCKED of OpenSIPS has no param "port"; it has ip`,
    ]],
    ["E_PIKE_BLOCKD", ["ip"], [
      `OpenSIPS has no event "E_PIKE_BLOCKD", did you mean "E_PIKE_BLOCKED"?`,
    ]],
    ["E_MINE", ["anything"], []],
    ["E_ACC_CDR", ["my_extra"], []],
    ["E_RTPENGINE_NOTIFICATION", ["event2"], []],
    ["constructor", ["x"], []],
    ["E_UL_AOR_INSERT", ["domain", "aor"], []],
    ["E_DLG_STATE_CHANGED", ["hash_id", "db_id"], []],
  ];
  for (const [event, params, hints] of cases) {
    assertEquals(hintsFor(event, params), hints, event);
  }
});

Deno.test("matcherOf() takes a star for any text, and all else as it is", () => {
  const fits = (pattern: string, name: string) => matcherOf(pattern)(name);
  assert(fits("E_UL_*", "E_UL_") && fits("*", "") && fits("a*c*e", "abcde"));
  assert(fits("a.b", "a.b") && !fits("a.b", "axb"));
  assert(!fits("E_UL_*", "xE_UL_A") && !fits("*b", "abc"));
  for (const odd of ["(", "[", "\\", "+", "?", "^", "$", "{", "|", ")"]) {
    assert(fits(odd, odd), odd);
  }
});
