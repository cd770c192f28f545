/** An address to listen at. */

import type { Address } from "../../mod.ts";
import { formatAddress } from "../protocol/socket.ts";
import { toInteger, UsageError } from "./arguments.ts";

/**
 * Reads `[[host:]port]`, the only positional argument; `defaultHost` and
 * `defaultPort` when absent. What a command prints when it listens can be given
 * back to it.
 *
 * @throws {UsageError} if it is not one address.
 */
export function parseAddress(
  positional: readonly string[],
  defaultPort: number,
  defaultHost: string = "127.0.0.1",
): Address {
  const [text = `${defaultPort}`, extra] = positional;
  if (extra !== undefined) {
    throw new UsageError(
      `${
        JSON.stringify(extra)
      } is one argument too many, expected [[host:]port]`,
    );
  }
  const match =
    /^(?:jsonrpcs?:|http:\/\/)?(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?([^:]*)$/.exec(
      text,
    );
  if (match === null) {
    throw new UsageError(
      `cannot listen at ${
        JSON.stringify(text)
      }, expected [[host:]port] with an IPv6 host in brackets`,
    );
  }
  const [, ipv6, name, port] = match;
  return {
    hostname: ipv6 ?? (name || defaultHost),
    port: toInteger(port, "the port", 0, 65535)!,
  };
}

/** Says that nobody can listen at an address, and the likely cause. */
export function listenProblem(error: Error, address: Address): string {
  // serveEvents() names the address itself, Deno.serve() does not.
  const prefix = `Cannot listen at ${formatAddress(address)}: `;
  const { message } = error;
  const problem = message.startsWith(prefix) ? message : prefix + message;
  return problem + hintOf(error, address);
}

function hintOf(error: Error, { hostname, port }: Address): string {
  const { AddrInUse, AddrNotAvailable, NotCapable, PermissionDenied } =
    Deno.errors;
  if (error instanceof AddrInUse) {
    return `; another program listens at port ${port}, port 0 picks a free one`;
  }
  if (error instanceof AddrNotAvailable) {
    return `; this machine does not have the address ${hostname}`;
  }
  if (error instanceof NotCapable) {
    const to = hostname === "" ? "" : `=${formatAddress({ hostname, port })}`;
    return `; run it with --allow-net${to}`;
  }
  return error instanceof PermissionDenied && port < 1024
    ? `; port ${port} is below 1024, for which root's rights are needed`
    : "";
}
