/**
 * An event as a handler gets it.
 *
 * @module
 */

import type { JsonObject, JsonValue } from "../protocol/json.ts";
import { membersOf, memberText } from "../protocol/json_members.ts";
import type { RequestId } from "../protocol/request.ts";
import type { Address } from "../transport/listen.ts";

/** The parameters of an event: named, or unnamed. */
export type ReceivedParams = JsonObject | JsonValue[];

/**
 * Whether params are named. Params without a type of their own are named or
 * unnamed; this tells TypeScript which.
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
 * What can be had of an event beside its own properties. It is made when asked
 * for, and is not copied with `{ ...event }`.
 */
export abstract class EventDetails {
  /** The message as it came. */
  abstract get text(): string;
  /**
   * The params as they came: with repeated names, in their order, and with all
   * digits of numbers. `{}` if the message has none. They go on as they are with
   * `new JsonText(event.paramsText)`.
   */
  abstract get paramsText(): string;
  /**
   * Named params as pairs in their order, repeated names included, such as
   * `new NamedParams(event.pairs)` takes them. Unnamed params have none.
   */
  abstract get pairs(): readonly (readonly [name: string, value: JsonValue])[];
  /**
   * Aborts when the connection is lost, or closed by the server at once, while
   * the handler is under way: nobody takes the response any more. A peer that
   * closes its connection before the response to its request counts as gone some
   * two seconds later. After notifications it may close it: they are handled to
   * their end.
   */
  abstract get signal(): AbortSignal;
}

/** An event as a handler gets it. */
export interface ReceivedEvent<
  Params = ReceivedParams,
  Method extends string = string,
> extends EventDetails {
  /** The method: the event's name, unless the subscriber's socket has one. */
  method: Method;
  /** The parameters; `{}` if the message has none. */
  params: Params;
  /**
   * The id of a request; null for a notification, which gets no response. An
   * integer beyond 2^53 is a `bigint`.
   */
  id: RequestId;
  /** Who sent it. An IPv4 address is one, also at a listener on `[::]`. */
  peer: Address;
}

/**
 * Handles an event. What it returns, or what its promise resolves to, is the
 * result of a request; `undefined` counts as null, and a `JsonText` goes out as
 * it is. A {@linkcode ServerError} that it throws becomes the response's error.
 * Anything else that it throws is given to `onError`, and the peer gets `-32603`.
 * Events of one connection are started in the order in which they came, without
 * waiting for the handlers of those before.
 */
export type EventHandler<
  Params = ReceivedParams,
  Method extends string = string,
> = (event: ReceivedEvent<Params, Method>) => unknown;

/** A handler for each method; of `Events`, the params by the event's name. */
export type EventHandlers<Events> = {
  [Method in keyof Events & string]?:
    | EventHandler<
      Events[Method],
      string extends keyof Events ? string : Method
    >
    | undefined;
};

/** Any of the events that `Events` names, told apart by their `method`. */
export type EventOf<Events> = {
  [Method in keyof Events & string]: ReceivedEvent<Events[Method], Method>;
}[keyof Events & string];

/** What an event has of the connection on which it came. */
export interface Origin {
  readonly peer: Address;
  readonly signal: AbortSignal;
  /** Takes the id of each request, in their order. */
  tookRequest(id: RequestId): void;
}

/** An event of a message. What few handlers ask for is made when asked for. */
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
