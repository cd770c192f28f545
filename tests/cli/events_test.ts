import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { findEvents } from "../../src/opensips/mod.ts";
import { run } from "../helpers/command.ts";
import { freePort } from "../helpers/tcp.ts";

/** It needs no permission. */
const events = (...args: string[]) => run(["events", ...args], []);

Deno.test("events prints a line for each event, with module, versions and params", async () => {
  const { code, stdout, stderr } = await events();
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n");
  assertEquals(
    lines.map((line) => line.split(" ")[0]),
    findEvents().map(({ event }) => event),
  );
  for (
    const line of [
      /^E_PIKE_BLOCKED +pike +3\.0 4\.0 +ip$/m,
      /^E_CORE_THRESHOLD +core +3\.0 4\.0 +source, time, extra$/m,
      /^E_CORE_SR_STATUS_CHANGED +core +4\.0 +group, identifier, /m,
      /^E_UL_CONTACT_INSERT .* domain \(4\.0\), aor, uri, received, /m,
    ]
  ) assert(line.test(stdout), `${line}`);
});

Deno.test("events finds a name, with its note, and a pattern", async () => {
  assertEquals(
    (await events("E_PIKE_BLOCKED")).stdout,
    "E_PIKE_BLOCKED  pike  3.0 4.0  ip\n",
  );
  const [first, note] = (await events("E_RTPENGINE_NOTIFICATION")).stdout
    .split("\n");
  assert(first!.startsWith("E_RTPENGINE_NOTIFICATION  rtpengine  "));
  assertStringIncludes(note!, "  The params are whatever");
  const { stdout } = await events("E_UL_AOR_*");
  assertEquals(
    stdout.trimEnd().split("\n").map((line) => line.split(" ")[0]),
    ["E_UL_AOR_INSERT", "E_UL_AOR_DELETE"],
  );
});

Deno.test("events --json prints one object for each event", async () => {
  for (const pattern of ["*", "E_PIKE_BLOCKED", "E_UL_*"]) {
    const { stdout } = await events(pattern, "--json");
    assertEquals(
      stdout.trimEnd().split("\n").map((line) => JSON.parse(line)),
      findEvents(pattern),
    );
  }
});

Deno.test("events refuses what is no event: exit code 2", async () => {
  for (
    const [args, error] of [
      [
        ["E_PIKE_BLOKED"],
        'OpenSIPS has no event "E_PIKE_BLOKED", did you mean "E_PIKE_BLOCKED"?',
      ],
      [["E_NONE_*"], 'OpenSIPS has no event "E_NONE_*"\n'],
      [["toString"], 'OpenSIPS has no event "toString"\n'],
      [["E_A", "E_B"], '"E_B" is one argument too many'],
    ] as const
  ) {
    const { code, stdout, stderr } = await events(...args);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, error);
  }
});

const SOCKET = "jsonrpc:127.0.0.1:8080";

Deno.test("raise hints at what may be mistyped in an event of OpenSIPS, and goes on", async () => {
  for (
    const [args, hints] of [
      [["E_PIKE_BLOCKED", "ip=1"], ""],
      [
        ["E_PIKE_BLOCKED", "ipp=1"],
        'hint: E_PIKE_BLOCKED of OpenSIPS has no param "ipp", did you mean "ip"?\n',
      ],
      [
        ["E_PIKE_BLOCKED", "--params", '{"ip":1,"\\u001b":2}'],
        'hint: E_PIKE_BLOCKED of OpenSIPS has no param "\\u001b"; it has ip\n',
      ],
      [
        ["E_PIKE_BLOKED"],
        'hint: OpenSIPS has no event "E_PIKE_BLOKED", did you mean "E_PIKE_BLOCKED"?\n',
      ],
      [["E_PIKE_BLOCKED", "1"], ""], // without names
      [["E_MY_EVENT", "ipp=1"], ""],
      [["E_RTPENGINE_NOTIFICATION", "any=1"], ""],
      [["call", "ipp=1"], ""],
      [["E_PIKE_BLOCKED", "ipp=1", "--quiet"], ""],
      [["E_PIKE_BLOCKED", "ip=1", "--event-param", "name"], ""],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(
      ["raise", SOCKET, ...args, "--dry-run"],
      [],
    );
    assertEquals([code, stderr], [0, hints], args.join(" "));
    assertEquals(JSON.parse(stdout).method, args[0]);
  }
});

Deno.test("raise hints after the outcome, whatever that is", async () => {
  const port = freePort();
  const { code, stderr } = await run([
    "raise",
    `jsonrpc:127.0.0.1:${port}`,
    "E_PIKE_BLOCKED",
    "ipp=1",
  ]);
  assertEquals(code, 1);
  const [first, second, third] = stderr.split("\n");
  assert(first!.startsWith("error: Cannot deliver"), first);
  assert(second!.startsWith("hint: E_PIKE_BLOCKED of OpenSIPS"), second);
  assertEquals(third, "");
});
