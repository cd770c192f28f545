/** What all commands have in common. */

import type { Arguments, OptionKinds } from "./arguments.ts";

/** A command. `run` resolves to the exit code. */
export interface Command {
  readonly help: string;
  readonly options: OptionKinds;
  run(given: Arguments): Promise<number>;
}

/** A command by its name: its module is loaded when the command is used. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}
