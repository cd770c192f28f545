/**
 * The management interface over HTTP, as OpenSIPS's `mi_http` has it.
 *
 * @module
 */

import { checkPositiveInteger } from "../protocol/checks.ts";
import type { EventInterface } from "../events/event_interface.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/json_stream.ts";
import type { Address } from "../transport/listen.ts";
import { readBody } from "./body.ts";
import { type ManagementOptions, managerOf } from "./manage.ts";

/** Options of {@linkcode manageOverHttp}. */
export interface ManageOverHttpOptions extends ManagementOptions {
  /**
   * The largest request that is taken, in bytes.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number | undefined;
}

/** What a server of HTTP tells of a request, as `Deno.serve` does. */
export interface ManageOverHttpInfo {
  /** Who sent it: an object with `hostname` and `port`, unless it came otherwise. */
  readonly remoteAddr: object;
}

/**
 * Makes {@linkcode manage} a handler of HTTP requests, for `Deno.serve` or any
 * other platform with the same web standards: POST of `application/json` to any
 * path, as OpenSIPS's `mi_http` takes it at `/mi`. `allow` gets the headers, and
 * the address if the platform gives it as `Deno.serve` does.
 *
 * Requests of another type (415) and with an `Origin` (403) are refused, because
 * a web page can have a browser send them to an address that only the browser's
 * own machine can reach. A request without an id is carried out and gets 204;
 * one that is not JSON gets 200 and the error of JSON-RPC, as from OpenSIPS.
 *
 * @example
 * ```ts
 * import { EventInterface } from "../../mod.ts";
 * import { manageOverHttp } from "./mod.ts";
 *
 * await using events = new EventInterface();
 * await using server = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0 }, // mi_http listens at 8888
 *   manageOverHttp(events, {
 *     allow: ({ host }, { addr }) => host === addr?.hostname,
 *   }),
 * );
 * ```
 *
 * @throws {RangeError} if `maxMessageBytes` is not a positive integer, and
 * `TypeError` if it is no number.
 */
export function manageOverHttp(
  events: EventInterface,
  options: ManageOverHttpOptions = {},
): (request: Request, info?: ManageOverHttpInfo) => Promise<Response> {
  const { maxMessageBytes = MAX_MESSAGE_BYTES, ...rest } = options;
  checkPositiveInteger("maxMessageBytes", maxMessageBytes);
  const respond = managerOf(events, rest);
  return async (request, info) => {
    const { headers } = request;
    if (headers.has("origin")) {
      return plain(403, "expected no request of a web page");
    }
    if (request.method !== "POST") {
      return plain(405, "expected POST", { allow: "POST" });
    }
    const type = headers.get("content-type") ?? "";
    if (!/^\s*application\/json\s*(;|$)/i.test(type)) {
      return plain(415, "expected the content type application/json");
    }
    let text: string | undefined;
    try {
      text = await readBody(request.body, maxMessageBytes);
    } catch {
      return plain(400, "the request was not sent in full");
    }
    if (text === undefined) {
      return plain(413, `expected at most ${maxMessageBytes} bytes`);
    }
    const response = await respond(text, { addr: addrOf(info), headers });
    return response === undefined
      ? new Response(null, { status: 204 })
      : new Response(response, {
        headers: { "content-type": "application/json" },
      });
  };
}

function addrOf(info: ManageOverHttpInfo | undefined): Address | undefined {
  const { hostname, port } = (info?.remoteAddr ?? {}) as Partial<Address>;
  return hostname === undefined || port === undefined
    ? undefined
    : { hostname, port };
}

function plain(
  status: number,
  text: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(`${text}\n`, { status, headers });
}
