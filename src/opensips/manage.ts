/**
 * The management interface: servers subscribe themselves while all runs, by the
 * commands that OpenSIPS has for it, as JSON-RPC 2.0.
 *
 * @module
 */

import { answererOf, type EventHandler } from "../server/dispatcher.ts";
import {
  ParamsError,
  ServerError,
  SocketSyntaxError,
} from "../protocol/errors.ts";
import type { EventInterface } from "../events/event_interface.ts";
import type { Subscriber } from "../events/subscriptions.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/json_stream.ts";
import type { EventParams } from "../protocol/params.ts";
import { isObject, type JsonObject, type JsonValue } from "../protocol/json.ts";
import { type EventSocket, parseSocket } from "../protocol/socket.ts";
import { isVirtual, parseVirtualSocket } from "../protocol/virtual_socket.ts";

/** Options of {@linkcode manage} and {@linkcode manageOverHttp}. */
export interface ManagementOptions {
  /**
   * Whether events may go to a socket; of a virtual one, each is asked for.
   * Whoever reaches the management interface decides where events go, save for
   * this. By default they may go anywhere.
   */
  allow?: (socket: EventSocket) => boolean;
}

/** Options of {@linkcode manageOverHttp}. */
export interface ManageOverHttpOptions extends ManagementOptions {
  /**
   * The largest request that is taken, in bytes.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number;
}

/** For how many seconds a server subscribes that does not say (OpenSIPS). */
const DEFAULT_EXPIRE = 3600;

/** How many commands a batch may have: a list is far longer than its command. */
const MAX_BATCH = 100;

const OK = "OK";

/**
 * Answers a request to manage `events`, or a batch of them: gives the JSON text
 * of the answer, or `undefined` if none is due. It neither throws nor rejects.
 *
 * | command | params | result |
 * |---|---|---|
 * | `event_subscribe` | `event`, `socket`, `expire` (in seconds, 3600 if absent; 0 ends the subscription) | `"OK"` |
 * | `events_list` | | `{"Events":[{"name","id"}]}` |
 * | `subscribers_list` | `event`, `socket`, both may be absent | events and their subscribers |
 * | `raise_event` | `event`, `params` (an array, an object, or the JSON text of one) | `"OK"`, before it is delivered |
 * | `which` | | the names of these commands |
 *
 * Params are named or positional. The codes of errors are those of OpenSIPS:
 * 404 for an event or a subscriber that is not there, 400 for an event or a
 * socket that cannot be subscribed, 480 for an event without subscribers, -32602
 * for other wrong params; and 403 for a socket that is not allowed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventInterface } from "../../mod.ts";
 * import { manage } from "./mod.ts";
 *
 * await using events = new EventInterface();
 * events.publish("E_PIKE_BLOCKED");
 * assertEquals(
 *   await manage(events, { id: 1, jsonrpc: "2.0", method: "events_list" }),
 *   `{"id":1,"jsonrpc":"2.0","result":{"Events":[{"name":"E_PIKE_BLOCKED","id":0}]}}`,
 * );
 * ```
 */
export async function manage(
  events: EventInterface,
  request: JsonValue,
  options: ManagementOptions = {},
): Promise<string | undefined> {
  const answer = answererOf(commands(events, options), {
    onError: console.error,
    onInvalid: () => {}, // the answer says so
  }, MAX_BATCH);
  return await answer(request, { hostname: "", port: 0 }); // nobody asks for the peer
}

/**
 * Makes {@linkcode manage} a handler of HTTP requests, for `Deno.serve` or any
 * other platform with the same web standards: POST of `application/json` to any
 * path, as OpenSIPS's `mi_http` takes it.
 *
 * Requests of another type (415) and with an `Origin` (403) are refused not for
 * form's sake: a web page can have a browser send them to an address that only
 * the browser's own machine can reach.
 *
 * @example
 * ```ts
 * import { EventInterface } from "../../mod.ts";
 * import { manageOverHttp } from "./mod.ts";
 *
 * await using events = new EventInterface();
 * await using server = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0 }, // mi_http listens at 8888
 *   manageOverHttp(events, { allow: ({ host }) => host === "127.0.0.1" }),
 * );
 * ```
 *
 * @throws {RangeError} if `maxMessageBytes` is not a positive integer.
 */
export function manageOverHttp(
  events: EventInterface,
  options: ManageOverHttpOptions = {},
): (request: Request) => Promise<Response> {
  const { maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  if (!Number.isSafeInteger(maxMessageBytes) || maxMessageBytes < 1) {
    throw new RangeError(
      `Cannot limit requests to maxMessageBytes ${maxMessageBytes}: expected a positive integer`,
    );
  }
  return async (request) => {
    if (request.headers.has("origin")) {
      return plain(403, "expected no request of a web page");
    }
    if (request.method !== "POST") {
      return plain(405, "expected POST", { allow: "POST" });
    }
    const [type] = (request.headers.get("content-type") ?? "").split(";");
    if (type.trim().toLowerCase() !== "application/json") {
      return plain(415, "expected the content type application/json");
    }
    let bytes: ArrayBuffer | undefined;
    try {
      bytes = await readBytes(request, maxMessageBytes);
    } catch {
      return plain(400, "the request was not sent in full");
    }
    if (bytes === undefined) {
      return plain(413, `expected at most ${maxMessageBytes} bytes`);
    }
    let message: JsonValue;
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true });
      message = JSON.parse(decoder.decode(bytes));
    } catch {
      return json(
        `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"}}`,
        400,
      );
    }
    const answer = await manage(events, message, options);
    return answer === undefined
      ? new Response(null, { status: 204 })
      : json(answer);
  };
}

/** The body, or `undefined` if it is larger than `max` bytes. */
async function readBytes(
  { body }: Request,
  max: number,
): Promise<ArrayBuffer | undefined> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const piece of body ?? []) {
    length += piece.length;
    if (length > max) return undefined;
    pieces.push(piece);
  }
  return await new Blob(pieces).arrayBuffer();
}

function plain(
  status: number,
  text: string,
  headers?: Record<string, string>,
): Response {
  return new Response(`${text}\n`, { status, headers });
}

function json(text: string, status = 200): Response {
  return new Response(text, {
    status,
    headers: { "content-type": "application/json" },
  });
}

/** The commands, by name. */
function commands(
  events: EventInterface,
  { allow = () => true }: ManagementOptions,
): Record<string, EventHandler> {
  function event_subscribe(params: JsonObject): JsonValue {
    const event = textOf(params, "event");
    const socket = textOf(params, "socket");
    const expire = secondsOf(params.expire);
    const sockets = parseSockets(socket);
    if (sockets === undefined || !events.isPublished(event)) {
      throw new ServerError(400, "Bad parameter value");
    }
    if (expire === 0) {
      events.unsubscribe(event, socket);
      return OK;
    }
    if (!sockets.every(allow)) throw new ServerError(403, "Forbidden");
    events.subscribe(event, socket, { expire });
    return OK;
  }

  function events_list(): JsonValue {
    return { Events: events.events().map(({ name, id }) => ({ name, id })) };
  }

  function subscribers_list(params: JsonObject): JsonValue {
    const list = (name: string, id: number) => ({
      name,
      id,
      Subscribers: events.subscribers(name).map(show),
    });
    if (params.event === undefined) {
      return {
        Events: events.events().map(({ name, id }) => list(name, id))
          .filter(({ Subscribers }) => Subscribers.length > 0),
      };
    }
    const event = textOf(params, "event");
    const found = events.events().find(({ name }) => name === event);
    if (found === undefined) throw new ServerError(404, "Event not published");
    const { name, id } = found;
    if (params.socket === undefined) return { Event: list(name, id) };
    const socket = textOf(params, "socket");
    const subscriber = parseSockets(socket) && events.subscriber(name, socket);
    if (subscriber === undefined) {
      throw new ServerError(404, "Subscriber does not exist");
    }
    return { Event: { name, id, Subscriber: show(subscriber) } };
  }

  async function raise_event(params: JsonObject): Promise<JsonValue> {
    const event = textOf(params, "event");
    if (!events.isPublished(event)) {
      throw new ServerError(404, "Event not registered");
    }
    if (events.subscribers(event).length === 0) {
      throw new ServerError(480, "Temporarily Unavailable");
    }
    const raised = events.raise(event, eventParamsOf(params.params));
    try {
      // What is wrong with params is known at once; deliveries take their time.
      await Promise.race([raised, null]);
    } catch (error) {
      if (error instanceof ParamsError) {
        throw new ServerError(400, "Bad Params");
      }
      throw error;
    }
    return OK;
  }

  const table: Record<string, [(params: JsonObject) => unknown, string[][]]> = {
    event_subscribe: [
      event_subscribe,
      [["event", "socket"], ["event", "socket", "expire"]],
    ],
    events_list: [events_list, [[]]],
    subscribers_list: [
      subscribers_list,
      [[], ["event"], ["event", "socket"]],
    ],
    raise_event: [raise_event, [["event"], ["event", "params"]]],
    which: [() => Object.keys(table), [[]]],
  };
  return Object.fromEntries(
    Object.entries(table).map(([name, [run, recipes]]) => [
      name,
      ({ params }) => run(match(params, recipes)),
    ]),
  );
}

/** Params by their names, if they are those of a recipe: all, and no other. */
function match(
  params: JsonObject | JsonValue[],
  recipes: string[][],
): JsonObject {
  const names = Array.isArray(params) ? undefined : Object.keys(params);
  const { length } = names ?? params;
  const recipe = recipes.find((recipe) =>
    recipe.length === length &&
    (names === undefined || recipe.every((name) => names.includes(name)))
  );
  if (recipe === undefined) throw invalidParams();
  if (!Array.isArray(params)) return params;
  return Object.fromEntries(recipe.map((name, i) => [name, params[i]]));
}

function textOf(params: JsonObject, name: string): string {
  const text = params[name];
  if (typeof text !== "string" || text === "") throw invalidParams();
  return text;
}

/** As OpenSIPS, it takes digits in a string for an integer too. */
function secondsOf(expire: JsonValue | undefined): number {
  if (expire === undefined) return DEFAULT_EXPIRE;
  const seconds = typeof expire === "string" && /^-?[0-9]+$/.test(expire)
    ? Number(expire)
    : expire;
  if (!Number.isSafeInteger(seconds)) throw invalidParams();
  if (seconds as number < 0) throw invalidParams("Negative expire value");
  return seconds as number;
}

function parseSockets(text: string): EventSocket[] | undefined {
  try {
    return isVirtual(text)
      ? parseVirtualSocket(text).sockets
      : [parseSocket(text)];
  } catch (error) {
    if (error instanceof SocketSyntaxError) return undefined;
    throw error;
  }
}

function eventParamsOf(params: JsonValue | undefined): EventParams {
  let value = params ?? {};
  if (typeof value === "string") {
    try {
      value = JSON.parse(value);
    } catch { /* it stays text, which they cannot be */ }
  }
  if (!Array.isArray(value) && !isObject(value)) {
    throw new ServerError(400, "Bad Params");
  }
  return value;
}

function invalidParams(data?: string): ServerError {
  return new ServerError(-32602, "Invalid params", data);
}

function show({ socket, expire }: Subscriber): JsonObject {
  return { socket, expire: expire ?? "never" };
}
