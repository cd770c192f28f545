import { assertEquals, assertThrows } from "@std/assert";
import {
  type OptionKinds,
  parseArguments,
  toInteger,
  UsageError,
} from "../../src/cli/arguments.ts";

const KINDS: OptionKinds = {
  sync: "flag",
  "dry-run": "flag",
  timeout: "text",
  event: "list",
};

/** What is read of the words of a line, which blanks separate. */
function parse(line: string): unknown {
  const words = line === "" ? [] : line.split(" ");
  const { positional, wantsHelp, has, text, texts } = parseArguments(
    words,
    KINDS,
  );
  return [
    positional.join(" "),
    ["sync", "dry-run"].filter(has).join(" "),
    text("timeout"),
    texts("event").join(" "),
    wantsHelp,
  ];
}

Deno.test({
  name: "parseArguments() tells options and positional arguments apart",
  permissions: "none",
  fn() {
    for (
      const [line, ...expected] of [
        ["", "", "", undefined, "", false],
        ["a --sync b", "a b", "sync", undefined, "", false],
        ["--timeout 5 a", "a", "", "5", "", false],
        ["a --timeout=5", "a", "", "5", "", false],
        ["--timeout=a=b", "", "", "a=b", "", false],
        ["--timeout -5", "", "", "-5", "", false],
        ["--timeout --sync", "", "", "--sync", "", false],
        ["--event a --event=b", "", "", undefined, "a b", false],
        // A text is not made a number, nor "true" a value of the flag before.
        ["1e3 --sync true 0x1f", "1e3 true 0x1f", "sync", undefined, "", false],
        ["--sync false", "false", "sync", undefined, "", false],
        ["--timeout 007 --event 1.0", "", "", "007", "1.0", false],
        ["- a:=-1 --dry-run", "- a:=-1", "dry-run", undefined, "", false],
        [
          "a -- --sync -5 -- b",
          "a --sync -5 -- b",
          "",
          undefined,
          "",
          false,
        ],
        ["--sync --sync", "", "sync", undefined, "", false],
        ["a --nonsense --help --more", "a", "", undefined, "", true],
        ["-h", "", "", undefined, "", true],
      ] as const
    ) assertEquals(parse(line), expected, line);
  },
});

Deno.test({
  name: "parseArguments() refuses what it cannot read without a doubt",
  permissions: "none",
  fn() {
    for (
      const [line, message] of [
        ["--snyc", "unknown option --snyc"],
        ["--no-sync", "unknown option --no-sync"],
        ["--no-sync=1", "unknown option --no-sync"],
        ["--no-timeout=5", "unknown option --no-timeout"],
        ["--_=5", "unknown option --_"],
        ["--toString", "unknown option --toString"],
        ["--__proto__=1", "unknown option --__proto__"],
        ["--sync.x=1", "unknown option --sync.x"],
        ["-5", "unknown option -5 (after"],
        ["-abc=1", "unknown option -abc (after"],
        ["--sync=true", "option --sync takes no value"],
        ["--help=1", "option --help takes no value"],
        ["a --timeout", "option --timeout needs a value"],
        ["--event= a", "option --event needs a value"],
        ["--timeout 1 --timeout=2", "option --timeout is given twice"],
      ] as const
    ) assertThrows(() => parse(line), UsageError, message, line);
  },
});

Deno.test({
  name: "toInteger() takes decimal digits within the bounds only",
  permissions: "none",
  fn() {
    assertEquals(toInteger(undefined, "--n", 1, 9), undefined);
    for (const text of ["1", "9", "05"]) {
      assertEquals(toInteger(text, "--n", 1, 9), Number(text));
    }
    for (const text of ["0", "10", "-1", "1e0", "", " 1", "0x1", "1.0"]) {
      assertThrows(
        () => toInteger(text, "--n", 1, 9),
        UsageError,
        `--n is ${JSON.stringify(text)}, expected an integer from 1 to 9`,
      );
    }
  },
});
