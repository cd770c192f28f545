// The scripts that `completions` prints, in the shells that they are for.

import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "../../src/cli/commands.ts";
import { optionsOf } from "../../src/cli/completions.ts";
import { needs, run } from "../helpers/command.ts";

for (const [name, entry] of Object.entries(COMMANDS)) {
  Deno.test(`optionsOf() finds in the help of ${name} what it parses`, async () => {
    const { help, options } = await entry.load();
    const listed = optionsOf(help);
    for (const { name, value, description } of listed) {
      assert(description !== "", name);
      assertEquals(value === undefined, (options[name] ?? "flag") === "flag");
    }
    assertEquals(
      listed.map(({ name }) => name).sort(),
      [...Object.keys(options), "help"].sort(),
    );
  });
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Runs code in a shell, with the script for it as `$SCRIPT`. */
async function inShell(
  shell: string,
  args: string[],
  code: string,
): Promise<string> {
  const SCRIPT = await Deno.makeTempFile();
  try {
    const { code: exitCode, stdout, stderr } = await run([
      "completions",
      shell,
    ]);
    assertEquals({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    await Deno.writeTextFile(SCRIPT, stdout);
    const output = await new Deno.Command(shell, {
      args: [...args, "-c", code],
      env: { SCRIPT, TERM: "dumb" },
      stdin: "null",
      signal: AbortSignal.timeout(20_000),
    }).output();
    assertEquals(decode(output.stderr), "");
    return decode(output.stdout);
  } finally {
    await Deno.remove(SCRIPT);
  }
}

/** What is typed, up to Tab, and what then is offered. */
const OFFERS: [typed: string, offered: string[]][] = [
  ["event-jsonrpc ra", ["raise"]],
  ["event-jsonrpc --v", ["--version"]],
  ["event-jsonrpc raise --", [
    "--ca",
    "--cert",
    "--count",
    "--delimiter",
    "--dry-run",
    "--event-param",
    "--help",
    "--json",
    "--key",
    "--params",
    "--quiet",
    "--rate",
    "--server-name",
    "--sync",
    "--timeout",
  ]],
  ["event-jsonrpc pump --s", ["--server-name", "--strict", "--sync"]],
  ["event-jsonrpc hub --publish E_X --publ", ["--publish"]],
  ["event-jsonrpc raise --timeout ", []],
  ["event-jsonrpc raise -- --", []],
  ["event-jsonrpc raise ./", []], // no files: there are none to give
  ["event-jsonrpc completions ", ["bash", "fish", "zsh"]],
  ["event-jsonrpc outbox ", ["drop", "list", "retry", "show"]],
  ["event-jsonrpc outbox list --s", ["--set-aside"]],
  ["event-jsonrpc help l", ["listen"]],
  ["event-jsonrpc nonsense --", []],
  ["event-jsonrpc raise jsonrpc:127.0.0.1:8080 E_PIKE", ["E_PIKE_BLOCKED"]],
  ["event-jsonrpc raise --sync --timeout 5 tcp:h:1 E_RTPP", [
    "E_RTPPROXY_DTMF",
    "E_RTPPROXY_STATUS",
  ]],
  ["event-jsonrpc raise tcp:h:1 E_X E_PIKE", []],
  ["event-jsonrpc raise E_PIKE", []], // the socket comes first
  ["event-jsonrpc raise tcp:h:1 --sy", ["--sync"]],
  ["event-jsonrpc events E_PIKE", ["E_PIKE_BLOCKED"]],
  ["event-jsonrpc events E_PIKE_BLOCKED E_", []],
  ["event-jsonrpc listen :8080 --event E_PIKE", ["E_PIKE_BLOCKED"]],
  ["event-jsonrpc listen --at http://h:1/mi --event E_X --event E_PIKE", [
    "E_PIKE_BLOCKED",
  ]],
  ["event-jsonrpc hub --publish E_PIKE", ["E_PIKE_BLOCKED"]],
  ["event-jsonrpc listen --at E_", []],
];

Deno.test({
  ...await needs("bash", "completions bash offers commands and their options"),
  async fn() {
    for (
      const [typed, offered] of [
        ...OFFERS,
        ["event-jsonrpc listen --event=E_PIKE", ["E_PIKE_BLOCKED"]],
        ["event-jsonrpc hub --sync --publish=E_PIKE", ["E_PIKE_BLOCKED"]],
        ["event-jsonrpc raise --timeout=", []],
      ] as typeof OFFERS
    ) {
      // As bash splits them; after a blank, the word that begins is empty.
      const words = typed.split(/ |([:=]+)/).filter((word) => word);
      if (typed.endsWith(" ")) words.push("");
      const output = await inShell(
        "bash",
        ["--norc"],
        `
        source "$SCRIPT"
        complete -p event-jsonrpc >/dev/null || exit
        COMP_LINE='${typed}'
        COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
        COMP_CWORD=${words.length - 1}
        _event_jsonrpc
        printf '%s\\n' "\${COMPREPLY[@]}"
      `,
      );
      const found = output.trim().split("\n").filter((word) => word !== "");
      assertEquals(found.sort(), offered, typed);
    }
  },
});

Deno.test({
  ...await needs("fish", "completions fish offers commands and their options"),
  async fn() {
    for (const [typed, offered] of OFFERS) {
      const output = await inShell(
        "fish",
        ["--no-config"],
        `source $SCRIPT; complete --do-complete '${typed}'`,
      );
      const found = output.trim().split("\n").filter((line) => line !== "")
        .map((line) => line.split("\t")[0]);
      assertEquals(found.sort(), offered, typed);
    }
  },
});

/** In zsh, a line with Tab in it, and what the command then is given. */
const LINES = [
  ["rai\tE_X --ti\t5 --sy\t", "raise E_X --timeout=5 --sync"],
  ["--ver\t", "--version"],
  ["hub --publ\tE_X --publ\tE_Y", "hub --publish=E_X --publish=E_Y"],
  ["completions z\t", "completions zsh"],
  ["outbox re\t", "outbox retry"],
  ["help li\t", "help listen"],
  ["raise ./deno.j\t", "raise ./deno.j"],
  ["raise -- --sy\t", "raise -- --sy"],
  ["raise tcp:h:1 E_PI\t--sy\t", "raise tcp:h:1 E_PIKE_BLOCKED --sync"],
  ["events E_PI\t", "events E_PIKE_BLOCKED"],
  ["listen --event E_PI\t", "listen --event E_PIKE_BLOCKED"],
];

Deno.test({
  ...await needs("zsh", "completions zsh completes commands and their options"),
  async fn() {
    // A terminal of its own, in which the command prints what it is given.
    const output = await inShell(
      "zsh",
      ["-f"],
      `
      zmodload zsh/zpty
      zpty inner zsh -f -i
      zpty -w inner "PS1= PS2=; unsetopt zle_bracketed_paste 2>/dev/null; \\
        autoload -U compinit; compinit -u -D; source $SCRIPT; \\
        event-jsonrpc() { print -r -- \\"<\\$*>\\" }; print rea\\dy"
      zpty -r inner text '*ready*'
      ${
        LINES.map(([line]) => `
        zpty -w inner $'event-jsonrpc ${line.replaceAll("\t", "\\t")}'
        zpty -r -m inner text '*<*>*'
        print -r -- "$text"
      `).join("")
      }
      zpty -d inner
    `,
    );
    assertEquals(
      [...output.matchAll(/<([^>]*)>/g)].map(([, given]) => given.trim()),
      LINES.map(([, given]) => given),
    );
  },
});

Deno.test("completions refuses what is no shell", async () => {
  for (
    const [args, problem] of [
      [[], "no shell is given"],
      [["zhs"], 'the shell is "zhs"'],
      [["bash", "zsh"], '"zsh" is one argument too many'],
      [["--json"], "unknown option --json"],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(["completions", ...args]);
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assert(stderr.includes(problem), stderr);
  }
});
