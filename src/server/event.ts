/**
 * The events that handlers get.
 *
 * @module
 */

import type { JsonObject, JsonValue } from "../protocol/json.ts";
import { membersOf, memberText } from "../protocol/json_members.ts";
import type { RequestId } from "../protocol/request.ts";
import type { Address } from "../transport/listen.ts";

/** The parameters of an event: an object if named, an array if unnamed. */
export type ReceivedParams = JsonObject | JsonValue[];

/**
 * Whether params are named. It narrows the type of params that are not typed
 * otherwise.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isNamed, type JsonObject, type JsonValue } from "../../mod.ts";
 *
 * const params: JsonObject | JsonValue[] = JSON.parse(`{"ip":"192.168.2.11"}`);
 * assertEquals(isNamed(params) ? params["ip"] : params[0], "192.168.2.11");
 * ```
 */
export function isNamed(
  params: JsonObject | JsonValue[],
): params is JsonObject {
  return !Array.isArray(params);
}

/**
 * The members of an event that are computed when they are read. `{ ...event }` does
 * not copy them.
 */
export abstract class EventDetails {
  /** The JSON text of the message, as received. */
  abstract get text(): string;
  /**
   * The JSON text of the params, as received: with repeated names, their order, and
   * all digits of numbers. `{}` if the message has no params. To send the params on
   * unchanged, use `new JsonText(event.paramsText)`.
   */
  abstract get paramsText(): string;
  /**
   * Named params as pairs in order, repeated names included, for
   * `new NamedParams(event.pairs)`. Empty if the params are unnamed.
   */
  abstract get pairs(): readonly (readonly [name: string, value: JsonValue])[];
  /**
   * Aborts when the connection is lost, or `EventServer.abort` closes it, while the
   * handler runs: the response cannot reach the peer. If the peer closes its
   * connection before it got the response to a request, the signal aborts about
   * two seconds later. A peer may close it after notifications: their handlers run
   * to the end.
   */
  abstract get signal(): AbortSignal;
}

/** An event that a handler gets. */
export interface ReceivedEvent<
  Params = ReceivedParams,
  Method extends string = string,
> extends EventDetails {
  /** The method: the event's name, unless the subscriber's socket has one. */
  method: Method;
  /** The parameters; `{}` if the message has none. */
  params: Params;
  /**
   * The id of a request, or null for a notification, which has no response. An
   * integer beyond 2^53 is a `bigint`.
   */
  id: RequestId;
  /** The address of the sender. An IPv4 peer at `[::]` has its IPv4 address. */
  peer: Address;
}

/**
 * Handles an event. The value that it returns, or that its promise resolves to, is
 * the result of a request: `undefined` becomes null, and a `JsonText` goes out as
 * it is. If it throws a {@linkcode ServerError}, the response has this error. If it
 * throws anything else, `onError` is called, and the response has the error
 * `-32603`. Handlers for the events of one connection are called in the order of
 * the events, and do not wait for each other.
 */
export type EventHandler<
  Params = ReceivedParams,
  Method extends string = string,
> = (event: ReceivedEvent<Params, Method>) => unknown;

/** A handler for each method. `Events` maps the names of events to their params. */
export type EventHandlers<Events> = {
  [Method in keyof Events & string]?:
    | EventHandler<
      Events[Method],
      string extends keyof Events ? string : Method
    >
    | undefined;
};

/** One of the events of `Events`; its `method` tells which. */
export type EventOf<Events> = {
  [Method in keyof Events & string]: ReceivedEvent<Events[Method], Method>;
}[keyof Events & string];

/** The connection on which an event was received. */
export interface Origin {
  readonly peer: Address;
  readonly signal: AbortSignal;
  /** Is called with the id of each request, in order. */
  tookRequest(id: RequestId): void;
}

/** The event for a message. Members that few handlers need are computed when read. */
export class ReceivedMessage implements ReceivedEvent {
  method: string;
  params: ReceivedParams;
  id: RequestId;
  peer: Address;
  readonly #text: string;
  readonly #origin: Origin;

  constructor(
    method: string,
    params: ReceivedParams,
    id: RequestId,
    text: string,
    origin: Origin,
  ) {
    this.method = method;
    this.params = params;
    this.id = id;
    this.peer = origin.peer;
    this.#text = text;
    this.#origin = origin;
  }

  get text(): string {
    return this.#text;
  }

  get paramsText(): string {
    const text = memberText(this.#text, "params") ?? "{}";
    return text === "null" ? "{}" : text;
  }

  get pairs(): readonly (readonly [string, JsonValue])[] {
    return membersOf(this.paramsText)
      .map(([name, value]) => [name, JSON.parse(value)] as const);
  }

  get signal(): AbortSignal {
    return this.#origin.signal;
  }
}
