/** The help of the whole command, and its version. */

import config from "../../deno.json" with { type: "json" };
import { COMMANDS } from "./commands.ts";

/** What `--version` prints. */
export const VERSION: string = `event-jsonrpc ${config.version}`;

/** What `--help` prints. */
export const HELP: string = `${VERSION}
Raises events as OpenSIPS does: JSON-RPC 2.0 straight over TCP.

Usage: event-jsonrpc <command> [arguments] [options]

Examples, in two terminals:
  event-jsonrpc listen 8080
  event-jsonrpc raise jsonrpc:127.0.0.1:8080 E_PIKE_BLOCKED ip=192.168.2.11

Commands:
${
  Object.entries(COMMANDS).map(([name, { summary }]) =>
    `  ${name.padEnd(11)}  ${summary}`
  ).join("\n")
}

Options:
  -h, --help     print this; after a command, its help
  -V, --version  print the version

Exit codes:
  0         sent or confirmed
  1         not delivered
  2         wrong use, nothing was sent
  3         the server answered with an error
  4         timed out
  130, 143  interrupted (by Ctrl-C, by SIGTERM) with something left to do
`;
