/** The command `completions`: scripts by which shells complete this command. */

import { type Arguments, UsageError } from "./arguments.ts";
import type { Command, CommandEntry } from "./command.ts";
import { Output } from "./output.ts";

const HELP = `Prints a script by which a shell completes this command by Tab.

Usage: event-jsonrpc completions <shell>

Examples: the first two lines belong in the shell's own file.
  source <(event-jsonrpc completions bash)  # ~/.bashrc
  source <(event-jsonrpc completions zsh)   # ~/.zshrc, after compinit
  event-jsonrpc completions fish > ~/.config/fish/completions/event-jsonrpc.fish

  <shell>  bash, zsh or fish

Options:
  -h, --help  print this
`;

/** An option of a command, as its help describes it. */
export interface Option {
  name: string;
  /** What it takes, such as `ms`, if it takes a value. */
  value: string | undefined;
  description: string;
}

/** A command, or a word that stands in its place. */
interface Entry {
  name: string;
  summary: string;
  options: Option[];
  /** The words that may come next, if they are known. */
  words: readonly string[];
}

/** Makes the command that completes these commands, which may be one of them. */
export function completionsOf(
  commands: Readonly<Record<string, CommandEntry>>,
): Command {
  return {
    help: HELP,
    options: {},
    async run({ positional: [shell, extra] }: Arguments) {
      const script = shell === undefined || !Object.hasOwn(SHELLS, shell)
        ? undefined
        : SHELLS[shell];
      if (script === undefined) throw unknownShell(shell);
      if (extra !== undefined) {
        throw new UsageError(
          `${
            JSON.stringify(extra)
          } is one argument too many, expected one shell`,
        );
      }
      const stdout = new Output(Deno.stdout);
      stdout.print(script(await entriesOf(commands)).trimEnd());
      await stdout.flush();
      return 0;
    },
  };
}

function unknownShell(name: string | undefined): UsageError {
  const expected = "expected bash, zsh or fish";
  if (name === undefined) {
    return new UsageError(`no shell is given, ${expected}`);
  }
  return new UsageError(`the shell is ${JSON.stringify(name)}, ${expected}`, {
    name,
    known: Object.keys(SHELLS),
  });
}

/**
 * Reads the options that a command's help lists. The help says what they are
 * for, so the scripts are made from it; a test compares it with what is parsed.
 */
export function optionsOf(help: string): Option[] {
  const [, section = ""] = /\nOptions:\n(.*?)\n(?:\n|$)/s.exec(help) ?? [];
  return section.replace(/\n {3,}/g, " ").split("\n").map((line) => {
    const [, name = "", value, description = ""] =
      /^ +(?:-\w, )?--([a-z-]+)(?: <([a-z]+).*?>)? {2,}([^,;:(]*)/.exec(line) ??
        [];
    return { name, value, description: description.trim() };
  });
}

async function entriesOf(
  commands: Readonly<Record<string, CommandEntry>>,
): Promise<Entry[]> {
  const known: Record<string, string[]> = { completions: Object.keys(SHELLS) };
  const entries = await Promise.all(
    Object.entries(commands).map(async ([name, entry]) => ({
      name,
      summary: entry.summary,
      options: optionsOf((await entry.load()).help),
      words: entry.words ?? known[name] ?? [],
    })),
  );
  return [...entries, {
    name: "help",
    summary: "print the help of a command",
    options: [],
    words: Object.keys(commands),
  }];
}

const SHELLS: Record<string, (entries: Entry[]) => string> = {
  bash: (entries) =>
    `_event_jsonrpc() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=
  COMPREPLY=()
  case $COMP_CWORD:\${COMP_WORDS[1]}:\${COMP_WORDS[COMP_CWORD - 1]} in
    1:*) words=${
      quote(
        [...entries.map(({ name }) => name), "--help", "--version"].join(" "),
      )
    } ;;
${
      entries.map(({ name, options, words }) =>
        [
          ...options.filter(({ value }) => value)
            .map((option) => `    *:${name}:--${option.name}) ;;`),
          ...words.length
            ? [`    2:${name}:*) words=${quote(words.join(" "))} ;;`]
            : [],
          `    *:${name}:*) words=${
            quote(options.map(({ name }) => `--${name}`).join(" "))
          } ;;`,
        ].join("\n")
      ).join("\n")
    }
  esac
  [[ " \${COMP_WORDS[*]:0:COMP_CWORD} " == *" -- "* ]] && words=
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _event_jsonrpc event-jsonrpc
`,

  zsh: (entries) =>
    `#compdef event-jsonrpc
_event_jsonrpc() {
  local -a commands=(
${
      entries.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`)
        .join("\n")
    }
  )
  if ((CURRENT == 2)); then
    _arguments '--help[print the help]' '--version[print the version]' '*: :->command'
    [[ $state == command ]] && _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${
      entries.map(({ name, options, words }) =>
        `    ${name})\n      _arguments -S ${
          [
            ...options.map((option) =>
              option.value
                ? `*--${option.name}=[${option.description}]:${option.value}: `
                : `--${option.name}[${option.description}]`
            ),
            words.length ? `1: :(${words.join(" ")})` : "*: :()",
          ].map(quote).join(" ")
        } ;;`
      ).join("\n")
    }
  esac
}
if [[ $funcstack[1] == _event_jsonrpc ]]; then
  _event_jsonrpc "$@" # it was loaded by its name, from $fpath
else
  compdef _event_jsonrpc event-jsonrpc
fi
`,

  fish: (entries) =>
    `function __event_jsonrpc_is
    set -l words (commandline -opc)
    test "$words[2]" = "$argv[1]"
end
complete -c event-jsonrpc -f
complete -c event-jsonrpc -n '__event_jsonrpc_is ""' -l help -d 'print the help'
complete -c event-jsonrpc -n '__event_jsonrpc_is ""' -l version -d 'print the version'
${
      entries.flatMap(({ name, summary, options, words }) => {
        const complete = "complete -c event-jsonrpc -n";
        const within = `${complete} '__event_jsonrpc_is ${name}'`;
        return [
          `${complete} '__event_jsonrpc_is ""' -a ${name} -d ${quote(summary)}`,
          ...options.map((option) =>
            `${within} -l ${option.name}${option.value ? " -x" : ""} -d ${
              quote(option.description)
            }`
          ),
          ...words.length ? [`${within} -a ${quote(words.join(" "))}`] : [],
        ];
      }).join("\n")
    }
`,
};

/** Quotes a text so that none of the shells changes it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
