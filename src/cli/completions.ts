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

/** Words that are known where they may stand. */
type Words = readonly string[];

/** A command, or a word that stands in its place. */
interface Entry {
  name: string;
  summary: string;
  options: Option[];
  /** The words for each positional argument, in order; none if they are unknown. */
  positional: readonly Words[];
  /** The words for the values of options, by their names. */
  values: Readonly<Record<string, Words>>;
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
  return section.replace(/\n {3,}/g, "  ").split("\n").map((line) => {
    const [, name = "", value, description = ""] =
      /^ +(?:-\w, )?--([a-z-]+)(?: <([a-z]+).*?>)? {2,}([^,;:(]*)/.exec(line) ??
        [];
    return { name, value, description: description.replace(/ +/g, " ").trim() };
  });
}

async function entriesOf(
  commands: Readonly<Record<string, CommandEntry>>,
): Promise<Entry[]> {
  const { findEvents } = await import("../opensips/mod.ts");
  const events = findEvents().map(({ event }) => event);
  const positional: Record<string, readonly Words[]> = {
    raise: [[], events],
    events: [events],
    outbox: [["list", "show", "retry", "drop"]],
    completions: [Object.keys(SHELLS)],
  };
  const values: Record<string, Record<string, Words>> = {
    listen: { event: events },
    hub: { publish: events },
  };
  const entries = await Promise.all(
    Object.entries(commands).map(async ([name, entry]) => ({
      name,
      summary: entry.summary,
      options: optionsOf((await entry.load()).help),
      positional: positional[name] ?? [],
      values: values[name] ?? {},
    })),
  );
  return [...entries, {
    name: "help",
    summary: "print the help of a command",
    options: [],
    positional: [Object.keys(commands)],
    values: {},
  }];
}

/** The options of a command that take a value, as words. */
function takingValue({ options }: Entry): string {
  return options.filter(({ value }) => value).map(({ name }) => `--${name}`)
    .join(" ");
}

const SHELLS: Record<string, (entries: Entry[]) => string> = {
  bash: (entries) =>
    `_event_jsonrpc() {
  local -a words=()
  local word current previous= command i count=0 options= taking= offered=
  # Bash splits words at ":" and "=". They are put together again.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i > 1)) && [[ -n $word && $word\${COMP_WORDS[i - 1]} == *[:=]* &&
      $COMP_LINE == *"\${COMP_WORDS[i - 1]}$word"* ]]; then
      words[\${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
  done
  current=\${words[\${#words[@]} - 1]}
  unset "words[\${#words[@]} - 1]"
  command=\${words[1]}
  COMPREPLY=()
  case $command in
${
      entries.map((entry) =>
        `    ${entry.name}) options=${
          quote(entry.options.map(({ name }) => `--${name}`).join(" "))
        } taking=${quote(takingValue(entry))} ;;`
      ).join("\n")
    }
  esac
  for word in "\${words[@]:2}"; do
    [[ $word == -- ]] && return
    if [[ -n $previous ]]; then
      previous=
    elif [[ " $taking " == *" $word "* ]]; then
      previous=$word
    elif [[ $word != -* ]]; then
      ((count++))
    fi
  done
  if [[ -z $previous && $current == --*=* ]]; then
    previous=\${current%%=*}
    current=\${current#*=}
  fi
  if ((\${#words[@]} == 1)); then
    offered=${
      quote(
        [...entries.map(({ name }) => name), "--help", "--version"].join(" "),
      )
    }
  elif [[ -n $previous ]]; then
    case $command:$previous in
${
      entries.flatMap(({ name, values }) =>
        Object.entries(values).map(([option, words]) =>
          `      ${name}:--${option}) offered=${quote(words.join(" "))} ;;`
        )
      ).join("\n")
    }
    esac
  elif [[ $current == -* ]]; then
    offered=$options
  else
    case $command:$count in
${
      entries.flatMap(({ name, positional }) =>
        positional.flatMap((words, i) =>
          words.length === 0
            ? []
            : [`      ${name}:${i}) offered=${quote(words.join(" "))} ;;`]
        )
      ).join("\n")
    }
      *) offered=$options ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
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
      entries.map(({ name, options, positional, values }) =>
        `    ${name})\n      _arguments -S ${
          [
            ...options.map((option) =>
              option.value
                ? `*--${option.name}=[${option.description}]:${option.value}:${
                  listed(values[option.name])
                }`
                : `--${option.name}[${option.description}]`
            ),
            ...positional.map((words, i) => `${i + 1}: :(${words.join(" ")})`),
            "*: :()",
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
# A command, how many positional arguments stand there, and the options that
# take a value.
function __event_jsonrpc_at
    __event_jsonrpc_is $argv[1]; or return
    set -l words (commandline -opc)
    set -e words[1..2]
    set -l count 0
    set -l is_value no
    for word in $words
        if test $is_value = yes
            set is_value no
        else if contains -- $word $argv[3..-1]
            set is_value yes
        else if not string match -q -- '-*' $word
            set count (math $count + 1)
        end
    end
    test $count = $argv[2]
end
complete -c event-jsonrpc -f
complete -c event-jsonrpc -n '__event_jsonrpc_is ""' -l help -d 'print the help'
complete -c event-jsonrpc -n '__event_jsonrpc_is ""' -l version -d 'print the version'
${
      entries.flatMap((entry) => {
        const { name, summary, options, positional, values } = entry;
        const complete = "complete -c event-jsonrpc -n";
        const within = `${complete} '__event_jsonrpc_is ${name}'`;
        const at = (i: number) =>
          quote(`__event_jsonrpc_at ${name} ${i} ${takingValue(entry)}`);
        return [
          `${complete} '__event_jsonrpc_is ""' -a ${name} -d ${quote(summary)}`,
          ...options.map((option) =>
            `${within} -l ${option.name}${option.value ? " -x" : ""}${
              values[option.name]
                ? ` -a ${quote(values[option.name]!.join(" "))}`
                : ""
            } -d ${quote(option.description)}`
          ),
          ...positional.flatMap((words, i) =>
            words.length === 0
              ? []
              : [`${complete} ${at(i)} -a ${quote(words.join(" "))}`]
          ),
        ];
      }).join("\n")
    }
`,
};

/** Words as zsh takes them for a value. */
function listed(words: Words | undefined): string {
  return words === undefined ? " " : `(${words.join(" ")})`;
}

/** Quotes a text so that none of the shells changes it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
