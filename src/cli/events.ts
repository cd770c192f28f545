/** The command `events`: the events that OpenSIPS has. */

import { findEvents, type OpenSipsEventInfo } from "../opensips/mod.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { Output } from "./output.ts";

const HELP = `Lists the events of OpenSIPS: module, versions, params.

Usage: event-jsonrpc events [name or pattern] [options]

Examples:
  event-jsonrpc events
  event-jsonrpc events E_PIKE_BLOCKED
  event-jsonrpc events 'E_UL_*' --json | jq .params

  [name or pattern]  an event, or several by a pattern in which * stands for any
                     text (default: all)

A param that one of the versions only has is followed by that version. The names
come from the code of OpenSIPS 3.0 and 4.0.

Options:
  --json      print each event as one JSON object with the members event,
              module, versions, params and, if there is something to know, note
  -h, --help  print this

Exit codes:
  0  printed
  1  the output cannot be written
  2  wrong use, or there is no such event
`;

/** See `HELP`. */
export const events: Command = {
  help: HELP,
  options: { json: "flag" },
  run,
};

async function run({ positional, has }: Arguments): Promise<number> {
  const [pattern, extra] = positional;
  if (extra !== undefined) {
    throw new UsageError(
      `${
        JSON.stringify(extra)
      } is one argument too many, expected one name or pattern`,
    );
  }
  const found = findEvents(pattern);
  if (found.length === 0) throw unknownEvent(pattern!);
  const stdout = new Output(Deno.stdout);
  for (const line of has("json") ? found.map(toJson) : toLines(found)) {
    stdout.print(line);
  }
  await stdout.flush();
  return 0;
}

function unknownEvent(name: string): UsageError {
  return new UsageError(
    `OpenSIPS has no event ${JSON.stringify(name)}`,
    { name, known: findEvents().map(({ event }) => event) },
  );
}

function toJson(info: OpenSipsEventInfo): string {
  return JSON.stringify(info);
}

/** A line for each event, in columns; of a single one its note, too. */
function toLines(found: readonly OpenSipsEventInfo[]): string[] {
  const rows = found.map((info) => [
    info.event,
    info.module,
    info.versions.join(" "),
    paramsOf(info),
  ]);
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")
      .trimEnd()
  );
  const note = found.length === 1 ? found[0]!.note : undefined;
  return note === undefined ? lines : [...lines, `  ${note}`];
}

function paramsOf({ versions, params }: OpenSipsEventInfo): string {
  return params.map((param) =>
    param.versions.length === versions.length
      ? param.name
      : `${param.name} (${param.versions.join(", ")})`
  ).join(", ");
}
