#!/usr/bin/env -S deno run --allow-net

/**
 * The command `event-jsonrpc`: raises events from a shell, and prints those that come in.
 *
 * ```sh
 * deno run --allow-net cli.ts raise jsonrpc:127.0.0.1:8080 E_PIKE_BLOCKED ip=192.168.2.11
 * deno run --allow-net cli.ts --help
 * ```
 *
 * @module
 */

import { main } from "./src/cli/main.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
