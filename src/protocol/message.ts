/**
 * JSON-RPC 2.0 messages as OpenSIPS sends them.
 *
 *     {"id":null,"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{…}}
 *
 * The messages of one event in one dialect and with one method have the same
 * beginning. It is made once, as a {@linkcode MessageHead}. The params of an event
 * are formatted once for all its subscribers.
 *
 * @module
 */

import { checkInteger, checkText } from "./checks.ts";
import {
  type EventParam,
  eventParamOf,
  type EventParams,
  formatParams,
} from "./params.ts";
import type { EventSocket } from "./socket.ts";

/** The largest id: receivers keep ids in 32-bit integers. */
export const MAX_ID = 0x7fffffff;

/** Options of {@linkcode buildMessage}. */
export interface BuildMessageOptions {
  /**
   * The id of a request, an integer from 1 to 2147483647. Absent, the message
   * is a notification.
   */
  id?: number | undefined;
  /**
   * The name of a parameter that carries the event's name, before all others. If
   * params are unnamed, the event's name becomes their first element. OpenSIPS:
   * `event_param`.
   */
  eventParam?: string | undefined;
}

/**
 * Builds the message for `event`, byte for byte as OpenSIPS builds it for a
 * subscriber at `socket`.
 *
 * Without params, a `jsonrpc:` message has `"params":{}`, and a `tcp:` message
 * has no `params`, even with an event param.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { buildMessage, parseSocket } from "../../mod.ts";
 *
 * const socket = parseSocket("jsonrpc:127.0.0.1:8080");
 * assertEquals(
 *   buildMessage(socket, "E_PIKE_BLOCKED", { ip: "192.168.2.11" }),
 *   `{"id":null,"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}`,
 * );
 * ```
 *
 * @throws {ParamsError} if JSON cannot carry `params` unchanged, or they have a
 * name equal to `eventParam`. The error has the path to the wrong value.
 * @throws {TypeError} if `event` or `eventParam` is not a non-empty string.
 * @throws {RangeError} if `id` is out of range.
 */
export function buildMessage(
  socket: Pick<EventSocket, "protocol" | "method">,
  event: string,
  params: EventParams = {},
  options: BuildMessageOptions = {},
): string {
  const { id, eventParam } = options;
  if (id !== undefined) checkInteger("id", id, 1, MAX_ID);
  const head = headOf(socket, event, eventParam);
  const text = formatParams(params, head.eventParam);
  return id === undefined
    ? formatMessage(head.notification, text)
    : formatRequest(id, formatMessage(head.request, text));
}

/** The common parts of the messages of one event in one dialect and method. */
export interface MessageHead {
  /** The event's name. */
  readonly event: string;
  /** The dialect. */
  readonly protocol: EventSocket["protocol"];
  /** The method of the socket, or `undefined` if the event's name is the method. */
  readonly method: string | undefined;
  readonly eventParam: EventParam | undefined;
  /** The frame of a notification: the whole message. */
  readonly notification: Frame;
  /** The frame of a request: the message from the comma after the id. */
  readonly request: Frame;
}

/** A message without its params. */
export interface Frame {
  /** The text before the params. After them comes a `}`. */
  readonly before: string;
  /** The text of a message that has no params. */
  readonly withoutParams: string;
}

/**
 * Makes the head of an event's messages.
 *
 * @throws {TypeError} if `event` or `eventParamName` is not a non-empty string.
 */
export function headOf(
  { protocol, method }: Pick<EventSocket, "protocol" | "method">,
  event: string,
  eventParamName: string | undefined,
): MessageHead {
  checkEvent(event);
  const eventParam = eventParamOf(event, eventParamName);
  const body = `"jsonrpc":"2.0","method":${JSON.stringify(method || event)}`;
  const params = eventParam === undefined
    ? "{}"
    : `${eventParam.named.slice(0, -1)}}`;
  const frameOf = (start: string): Frame => ({
    before: `${start}${body},"params":`,
    withoutParams: protocol === "tcp"
      ? `${start}${body}}`
      : `${start}${body},"params":${params}}`,
  });
  return {
    event,
    protocol,
    method,
    eventParam,
    notification: frameOf(protocol === "tcp" ? "{" : '{"id":null,'),
    request: frameOf(","),
  };
}

/** Throws a TypeError unless `event` is a non-empty string. */
export function checkEvent(event: string): void {
  checkText("event", event);
}

/** Formats a message; `params` is the text that `formatParams` made. */
export function formatMessage(frame: Frame, params: string): string {
  return params === "" ? frame.withoutParams : `${frame.before}${params}}`;
}

/** Formats a request; `rest` is its text from the comma after the id. */
export function formatRequest(id: number, rest: string): string {
  return `{"id":${id}${rest}`;
}
