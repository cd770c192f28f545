/** What all commands have in common. */

/** One command: `run` resolves to the exit code. */
export interface Command {
  summary: string;
  help: string;
  run(args: string[]): Promise<number>;
}
