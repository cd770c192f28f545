/**
 * The *socket* of a subscriber: an address as OpenSIPS writes it,
 * `jsonrpc:host:port[/method]`, or over TLS `jsonrpcs:host:port[/method]`.
 *
 * @module
 */

import { SocketSyntaxError } from "./errors.ts";

/** The parts of a socket. */
export interface EventSocket {
  /**
   * The dialect of messages: `jsonrpc` for that of `event_jsonrpc` (OpenSIPS 2.4
   * to 3.0), `tcp` for that of `event_stream` (OpenSIPS 3.1 and later). `jsonrpcs`
   * is `jsonrpc` over TLS.
   */
  protocol: "jsonrpc" | "jsonrpcs" | "tcp";
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  host: string;
  /** The port, from 1 to 65535. */
  port: number;
  /** The method. If absent, the event's name is the method. */
  method?: string | undefined;
}

/** A DNS name has at most 253 characters (RFC 1035), an address fewer. */
const MAX_HOST_LENGTH = 253;

/** Characters that no host has. The resolver checks the rest. */
const NOT_IN_HOST = /[^\p{L}\p{M}\p{N}._-]/u;

/**
 * Parses a socket. The method is the text after the first `/`; it may contain any
 * characters. An empty method counts as absent. The syntax is that of OpenSIPS,
 * with two additions: IPv6 hosts in brackets, and `jsonrpcs:`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSocket } from "../../mod.ts";
 *
 * assertEquals(parseSocket("jsonrpc:127.0.0.1:8080/block_ip"), {
 *   protocol: "jsonrpc",
 *   host: "127.0.0.1",
 *   port: 8080,
 *   method: "block_ip",
 * });
 * ```
 *
 * @throws {SocketSyntaxError} if `text` is not a socket. The error says where it is
 * wrong, and what was expected there.
 * @throws {TypeError} if `text` is not a string.
 */
export function parseSocket(text: string): EventSocket {
  if (typeof text !== "string") {
    throw new TypeError(
      `Cannot parse socket of type ${typeof text}: expected a string`,
    );
  }
  const scheme = /^(jsonrpcs?|tcp):/.exec(text);
  if (scheme === null) {
    throw new SocketSyntaxError(text, 0, `"jsonrpc:", "jsonrpcs:" or "tcp:"`);
  }
  const hostStart = scheme[0].length;
  const slash = text.indexOf("/", hostStart);
  const end = slash === -1 ? text.length : slash;

  const [host, hostEnd] = text[hostStart] === "["
    ? parseBracketed(text, hostStart, end)
    : parseHost(text, hostStart, end);
  if (hostEnd === end || text[hostEnd] !== ":") {
    throw new SocketSyntaxError(text, hostEnd, `":" and a port`);
  }
  const port = parsePort(text, hostEnd + 1, end);
  const protocol = scheme[1] as EventSocket["protocol"];
  const method = text.slice(end + 1);
  return method === ""
    ? { protocol, host, port }
    : { protocol, host, port, method };
}

function parseHost(text: string, start: number, end: number): [string, number] {
  const authority = text.slice(start, end);
  if (authority.split(":").length > 2) {
    throw new SocketSyntaxError(
      text,
      start,
      "a host (an IPv6 address stands in brackets, as in [::1])",
    );
  }
  const colon = authority.indexOf(":");
  const host = colon === -1 ? authority : authority.slice(0, colon);
  const bad = host.search(NOT_IN_HOST);
  if (host === "" || bad !== -1) {
    throw new SocketSyntaxError(text, start + Math.max(bad, 0), "a host");
  }
  if (host.length > MAX_HOST_LENGTH) {
    throw new SocketSyntaxError(
      text,
      start + MAX_HOST_LENGTH,
      `a host of at most ${MAX_HOST_LENGTH} characters`,
    );
  }
  return [host, start + host.length];
}

function parseBracketed(
  text: string,
  start: number,
  end: number,
): [string, number] {
  const close = text.indexOf("]", start);
  if (close === -1 || close > end) {
    throw new SocketSyntaxError(text, end, `"]" after the IPv6 address`);
  }
  const host = text.slice(start + 1, close);
  // The URL parser knows IPv6 addresses, but not their zones (RFC 4007).
  const [, address = "", zone] = /^([^%]*)(%.*)?$/s.exec(host)!;
  const isAddress = /^[0-9a-f:.]+$/i.test(address) &&
    URL.canParse(`http://[${address}]`);
  if (!isAddress) {
    throw new SocketSyntaxError(text, start + 1, "an IPv6 address");
  }
  if (zone !== undefined && !/^%[\w.~-]{1,64}$/.test(zone)) {
    throw new SocketSyntaxError(
      text,
      start + 1 + address.length,
      `"%" and a zone such as eth0`,
    );
  }
  return [host, close + 1];
}

function parsePort(text: string, start: number, end: number): number {
  const digits = text.slice(start, end);
  const port = /^[1-9][0-9]{0,4}$/.test(digits) ? Number(digits) : 0;
  if (port < 1 || port > 65535) {
    throw new SocketSyntaxError(
      text,
      start,
      "a port from 1 to 65535 in decimal digits, with no leading zero,",
    );
  }
  return port;
}

/**
 * Formats a socket. {@linkcode parseSocket} parses the result to the same value.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatSocket } from "../../mod.ts";
 *
 * assertEquals(
 *   formatSocket({ protocol: "jsonrpc", host: "::1", port: 8080, method: "m" }),
 *   "jsonrpc:[::1]:8080/m",
 * );
 * ```
 */
export function formatSocket(socket: EventSocket): string {
  const { protocol, port, method } = socket;
  return `${protocol}:${formatHost(socket.host)}:${port}` +
    (method ? `/${method}` : "");
}

/** Whether a socket is reached over TLS. */
export function isOverTls(
  { protocol }: Pick<EventSocket, "protocol">,
): boolean {
  return protocol === "jsonrpcs";
}

/** Puts an IPv6 address in brackets, and leaves any other host as it is. */
export function formatHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Formats a host and a port: `127.0.0.1:8080`, `[::1]:8080`. */
export function formatAddress(
  { hostname, port }: { hostname: string; port: number },
): string {
  return `${formatHost(hostname)}:${port}`;
}

/** Whether a host is this machine, by an address of it or as `localhost`. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return host === "localhost" || host === "::1" ||
    /^(::ffff:)?127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(host);
}
