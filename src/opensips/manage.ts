/**
 * The management interface: servers subscribe themselves while all runs, by the
 * commands that OpenSIPS has for it, as JSON-RPC 2.0.
 *
 * Requests are read from their text, so that an id and the params of an event
 * stay as they came.
 *
 * @module
 */

import { ServerError } from "../protocol/errors.ts";
import type { EventInterface } from "../events/event_interface.ts";
import type { JsonValue } from "../protocol/json.ts";
import type { EventSocket } from "../protocol/socket.ts";
import {
  formatError,
  formatResult,
  PARSE_ERROR,
} from "../protocol/response.ts";
import type { Address } from "../transport/listen.ts";
import { elementsOf, memberText } from "../protocol/json_members.ts";
import { readMessage } from "../protocol/request.ts";
import {
  commandsOf,
  type IsAllowed,
  type RunCommand,
} from "./manage_commands.ts";
import {
  directly,
  type EventKeeper,
  guarded,
  type RaiseEvent,
} from "./keeper.ts";

/** Who asks for a subscription. */
export interface Asker {
  /** Its address; absent if the server of HTTP does not tell it. */
  readonly addr?: Address | undefined;
  /** The headers of its request; none if it did not come by HTTP. */
  readonly headers: Headers;
}

/** Options of {@linkcode manage} and {@linkcode manageOverHttp}. */
export interface ManagementOptions {
  /**
   * Whether events may go to a socket; it is asked for each socket of a virtual
   * one. Only `true`, or a promise of it, allows. Whoever reaches the management
   * interface decides where events go, save for this. By default they may go
   * anywhere.
   */
  allow?:
    | ((socket: EventSocket, asker: Asker) => boolean | Promise<boolean>)
    | undefined;
  /**
   * Raises an event for `raise_event`, which responds when this has resolved: so
   * that somebody sees what becomes of it. By default it is raised by the Event
   * Interface, and `raise_event` does not wait for its deliveries. With an
   * `outbox` it is not called.
   */
  raise?: RaiseEvent | undefined;
  /**
   * An outbox in front of `events`: then it keeps the subscriptions that are made
   * and the events that are raised, and each command is answered when that is
   * safe; 500 says that it cannot be kept. By default nothing is kept, and
   * `raise_event` is answered before the event is delivered.
   */
  outbox?: EventKeeper | undefined;
}

/** Options of {@linkcode manage}. */
export interface ManageOptions extends ManagementOptions {
  /** Who asks; for `allow`. By default an asker of whom nothing is known. */
  asker?: Asker | undefined;
}

/** How many commands a batch may have: a list is far longer than its command. */
const MAX_BATCH = 100;

/**
 * Responds to a request to manage `events`, or to a batch of them: resolves to
 * the JSON text of the response, or to `undefined` if none is due. Never rejects.
 *
 * | command | params | result |
 * |---|---|---|
 * | `event_subscribe`, `evi:subscribe` | `event`, `socket`, `expire` (in seconds, 3600 if absent; 0 ends the subscription) | `"OK"` |
 * | `events_list`, `evi:list` | | `{"Events":[{"name","id"}]}` |
 * | `subscribers_list`, `evi:subscribers` | `event`, `socket`, both may be absent | events and their subscribers |
 * | `raise_event`, `evi:raise` | `event`, `params` (an array, an object, or a text that holds one of them as JSON) | `"OK"`, before it is delivered; with an outbox when it is safe |
 * | `which`, `core:which` | `command`, may be absent | the names of these commands, or the params that one takes |
 *
 * Params are named or positional. The commands, their results and the codes of
 * errors are those of OpenSIPS 4.0, beside which the names of 3.0 stand: 404 for
 * an event or a subscriber that is not there, 400 for an event or a socket that
 * cannot be subscribed, 480 for an event without subscribers, -32602 for other
 * wrong params; and 403 for a socket that is not allowed. The `data` of an error
 * says what is wrong.
 *
 * @param request The JSON text of a request; or the request as a value, of which
 * numbers that a double cannot hold, repeated names and order are lost already.
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
 *   await manage(events, `{"id":1,"jsonrpc":"2.0","method":"events_list"}`),
 *   `{"id":1,"jsonrpc":"2.0","result":{"Events":[{"name":"E_PIKE_BLOCKED","id":0}]}}`,
 * );
 * ```
 */
export function manage(
  events: EventInterface,
  request: string | JsonValue,
  options: ManageOptions = {},
): Promise<string | undefined> {
  const { asker = { headers: new Headers() }, ...rest } = options;
  const text = typeof request === "string" ? request : JSON.stringify(request);
  return managerOf(events, rest)(text, asker);
}

/** Responds to the JSON text of a request. */
export type Manager = (
  text: string,
  asker: Asker,
) => Promise<string | undefined>;

/** Makes the function that responds to all requests: see {@linkcode manage}. */
export function managerOf(
  events: EventInterface,
  { allow = () => true, raise, outbox }: ManagementOptions,
): Manager {
  const keeper = outbox === undefined
    ? directly(events, raise)
    : guarded(outbox);
  const run = commandsOf(events, keeper);
  return async (text, asker) => {
    const isAllowed: IsAllowed = async (socket) =>
      await allow(socket, asker) === true;
    let request: unknown;
    try {
      request = JSON.parse(text);
    } catch {
      return formatError("null", new ServerError(PARSE_ERROR, "Parse error"));
    }
    if (!Array.isArray(request)) return respond(text, run, isAllowed);
    if (request.length === 0) return invalid("the batch is empty");
    if (request.length > MAX_BATCH) {
      return invalid(`the batch has more than ${MAX_BATCH} members`);
    }
    const responses: string[] = [];
    // One after the other, so that each sees what the ones before have done.
    for (const member of elementsOf(text)) {
      const response = await respond(member, run, isAllowed);
      if (response !== undefined) responses.push(response);
    }
    return responses.length === 0 ? undefined : `[${responses.join(",")}]`;
  };
}

/** Responds to one request; its text is JSON. */
async function respond(
  text: string,
  run: RunCommand,
  isAllowed: IsAllowed,
): Promise<string | undefined> {
  const request = JSON.parse(text);
  const message = readMessage(request, text);
  if (message.kind === "invalid") {
    return invalid(message.reason, message.idText);
  }
  const { method } = message;
  const params = isParams(request.params) ? memberText(text, "params")! : "{}";
  const idText = message.kind === "request" ? message.idText : "null";
  let response: string;
  try {
    response = formatResult(idText, await run(method, params, isAllowed));
  } catch (error) {
    if (!(error instanceof ServerError)) console.error(error);
    response = formatError(
      idText,
      error instanceof ServerError
        ? error
        : new ServerError(-32603, "Internal error"),
    );
  }
  // Unlike for an event, an id that is null asks for a response (OpenSIPS).
  return Object.hasOwn(request, "id") ? response : undefined;
}

function isParams(params: unknown): boolean {
  return params !== undefined && params !== null;
}

function invalid(reason: string, idText = "null"): string {
  return formatError(
    idText,
    new ServerError(-32600, "Invalid Request", reason),
  );
}
