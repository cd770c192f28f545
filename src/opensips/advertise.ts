/**
 * The address by which an OpenSIPS reaches a listener of this process.
 *
 * @module
 */

import { quote } from "../protocol/errors.ts";
import { isLoopback } from "../protocol/socket.ts";
import { parseAddress } from "./address.ts";
import { MiError } from "./mi_client.ts";

/** The part of `Deno.connect` that is needed here. */
interface DenoConnect {
  connect(options: { hostname: string; port: number }): Promise<
    { readonly localAddr: object; close(): void }
  >;
}

/** Where a listener waits for events. */
export interface ListenerAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Finds the address to subscribe at the OpenSIPS that `url` names: a socket's
 * `host:port`, or a function that asks the system for it.
 *
 * @param advertise A host, or a host and a port; absent: it is found out.
 * @throws {RangeError} if OpenSIPS cannot reach the listener.
 * @throws {SocketSyntaxError} if `advertise` is neither.
 */
export function addressFor(
  url: URL,
  { hostname, port }: ListenerAddress,
  advertise: string | undefined,
): string | (() => Promise<string>) {
  if (advertise !== undefined) {
    const hasPort = /:[0-9]+$/.test(advertise);
    return parseAddress(hasPort ? advertise : `${advertise}:${port}`).address;
  }
  const isWildcard = hostname === "0.0.0.0" || hostname === "::";
  if (isLoopback(url.hostname)) {
    // An OpenSIPS on this machine reaches a loopback address of IPv4.
    if (isWildcard || hostname === "localhost") return `127.0.0.1:${port}`;
  } else if (isLoopback(hostname)) {
    throw unreachable(
      url,
      `the listener is at ${hostname}, which only this machine reaches`,
    );
  }
  if (isWildcard) return async () => `${await localAddressTo(url)}:${port}`;
  if (hostname.includes(":")) {
    throw unreachable(
      url,
      `the listener is at ${hostname}, and OpenSIPS takes IPv4 addresses only`,
    );
  }
  return `${hostname}:${port}`;
}

/** The address of this machine on the way to `url`. */
async function localAddressTo(url: URL): Promise<string> {
  const { Deno } = globalThis as { Deno?: DenoConnect };
  if (Deno === undefined) {
    throw unreachable(url, "this runtime does not tell its own addresses");
  }
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  let connection: Awaited<ReturnType<DenoConnect["connect"]>>;
  try {
    connection = await Deno.connect({ hostname, port });
  } catch (cause) {
    const { message } = cause as Error;
    throw new MiError(`Cannot ask ${url}: ${message}`, undefined, { cause });
  }
  connection.close();
  const address = (connection.localAddr as { hostname: string }).hostname;
  if (!/^\d+(\.\d+){3}$/.test(address)) {
    throw unreachable(
      url,
      `the address on the way there is ${address}, and OpenSIPS takes IPv4 addresses only`,
    );
  }
  return address;
}

function unreachable(url: URL, problem: string): RangeError {
  return new RangeError(
    `Cannot receive from ${
      quote(url.host)
    }: ${problem}; give the address by which it is reached as advertise`,
  );
}
