/**
 * Who may look at a page, and manage by it.
 *
 * A browser can be made to send requests by any page that it shows. So requests
 * of other sites are refused, and those for a name that may be somebody else's,
 * which now leads to this address (DNS rebinding).
 *
 * @module
 */

import { formatHost, isLoopback } from "../protocol/socket.ts";
import type { Address } from "../transport/listen.ts";

/** Options of what guards a page. */
export interface GuardOptions {
  /**
   * The token that a request must have, as `?token=…` or as
   * `Authorization: Bearer …`. Absent: none, and only requests from this machine,
   * for a loopback address, are taken. See {@linkcode drawToken}.
   */
  token?: string | undefined;
}

/** What is known of a connection: `Deno.serve` gives it to its handler. */
export interface RequestInfo {
  /** The peer: an object with `hostname` and `port`, unless it came otherwise. */
  readonly remoteAddr: object;
}

/** A handler of HTTP requests, for `Deno.serve`. */
export type FetchHandler = (
  request: Request,
  info?: RequestInfo,
) => Response | Promise<Response>;

/** How many random bytes a token has. */
const TOKEN_BYTES = 18;
const MIN_TOKEN_LENGTH = 8;

/** Draws a token: 24 characters of the Base64 alphabet for URLs. */
export function drawToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * The address to open in a browser; it holds the token, if there is one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { pageUrl } from "./mod.ts";
 *
 * const url = pageUrl({ hostname: "::", port: 8081 }, "s3cret-s3cret");
 * assertEquals(url, "http://[::]:8081/?token=s3cret-s3cret");
 * ```
 */
export function pageUrl({ hostname, port }: Address, token?: string): string {
  const query = token === undefined
    ? ""
    : `?token=${encodeURIComponent(token)}`;
  return `http://${formatHost(hostname)}:${port}/${query}`;
}

/**
 * Throws unless these options can be used.
 *
 * @throws {RangeError} if the token is too short to be one.
 */
export function checkGuard({ token }: GuardOptions): void {
  if (token === undefined) return;
  if (typeof token !== "string" || token.length < MIN_TOKEN_LENGTH) {
    throw new RangeError(
      `Cannot use a token of ${
        String(token).length
      } characters: expected at least ${MIN_TOKEN_LENGTH}`,
    );
  }
}

/** The response to a request that is refused; `undefined` if it is not. */
export function refuse(
  request: Request,
  info: RequestInfo | undefined,
  { token }: GuardOptions,
): Response | undefined {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  const origin = request.headers.get("origin");
  if (origin !== null && hostOf(origin) !== host) {
    return plain(403, "Forbidden: the request comes from another site");
  }
  if (token !== undefined) {
    if (isSame(tokenOf(request) ?? "", token)) return undefined;
    return plain(
      403,
      "Forbidden: the address has no token, or a wrong one; the right one was printed at the start",
    );
  }
  const peer = (info?.remoteAddr as Partial<Address> | undefined)?.hostname;
  if (peer !== undefined && !isLoopback(peer)) {
    return plain(403, "Forbidden: without a token only this machine may look");
  }
  if (isLoopback(host.replace(/:[0-9]+$/, ""))) return undefined;
  return plain(
    403,
    "Forbidden: without a token the host must be localhost or a loopback address",
  );
}

/** A response of plain text. */
export function plain(
  status: number,
  text: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { ...HEADERS, ...headers },
  });
}

/** What all responses have: nothing of it is kept, or of use to another site. */
export const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined; // such as "null"
  }
}

function tokenOf(request: Request): string | null {
  const bearer = /^Bearer (.+)$/i
    .exec(request.headers.get("authorization") ?? "")?.[1];
  return bearer ?? new URL(request.url).searchParams.get("token");
}

/** Compares two texts in a time that does not tell where they differ. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) {
    difference |= a.charCodeAt(i) ^ b.charCodeAt(i % b.length);
  }
  return difference === 0;
}
