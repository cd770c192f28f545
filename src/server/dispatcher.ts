/**
 * What a server answers to a message, by the rules of JSON-RPC 2.0.
 *
 * @module
 */

import { ServerError } from "../protocol/errors.ts";
import { formatError, formatResult } from "../protocol/response.ts";
import type { JsonObject, JsonValue } from "../protocol/json.ts";
import { readMessage, type RequestId } from "../protocol/request.ts";

/** A host and a port, as Deno names them. */
export interface Address {
  /** An IPv4 address, or an IPv6 address without brackets. */
  hostname: string;
  /** 1 to 65535. */
  port: number;
}

/** An event as a handler gets it. */
export interface ReceivedEvent {
  /** The method: the event's name, unless the subscriber's socket has one. */
  method: string;
  /** The parameters; `{}` if the message has none. */
  params: JsonObject | JsonValue[];
  /** The id of a request; null for a notification, which gets no answer. */
  id: RequestId;
  /** Who sent it. */
  peer: Address;
}

/**
 * Handles an event. What it returns, or what its promise resolves to, answers
 * a request; `undefined` counts as null. A {@linkcode ServerError} that it
 * throws answers with that error; anything else answers `-32603` and is given
 * to `onError`. Events of one connection are started in the order in which
 * they came, without waiting for the handlers of those before.
 */
export type EventHandler = (event: ReceivedEvent) => unknown;

/** Where it is told what went wrong; neither may throw. */
export interface Reports {
  /** Takes what a handler threw. */
  onError: (error: unknown) => void;
  /** Takes what is wrong with a message that is no request. */
  onInvalid: (reason: string, peer: Address) => void;
}

/**
 * How many members a batch may have: each is handled at once, and each that is
 * wrong is answered by far more bytes than it has.
 */
const MAX_BATCH = 1000;

/** What is to be sent back: nothing, a JSON text, or one of them later. */
export type Answer = string | undefined | Promise<string | undefined>;

/** Answers a message from `peer`. */
export type Answerer = (message: JsonValue, peer: Address) => Answer;

/**
 * Turns a handler, or an object of one for each method, into a function from a
 * parsed message, or a batch of them, to the answer. That neither throws nor
 * rejects; an answer that is known at once is no promise. A batch may have
 * `maxBatch` members, 1000 unless given.
 */
export function answererOf(
  handlers: EventHandler | Record<string, EventHandler>,
  { onError, onInvalid }: Reports,
  maxBatch = MAX_BATCH,
): Answerer {
  const handler = typeof handlers === "function"
    ? handlers
    : byMethod(handlers);
  return function answer(message, peer) {
    if (!Array.isArray(message)) return answerOne(message, peer);
    if (message.length === 0) {
      return refuse("null", "the batch is empty", peer);
    }
    if (message.length > maxBatch) {
      const reason = `the batch has more than ${maxBatch} members`;
      return refuse("null", reason, peer);
    }
    const answers = message.map((member) => answerOne(member, peer));
    return answers.some((a) => a instanceof Promise)
      ? Promise.all(answers).then(toBatch)
      : toBatch(answers as (string | undefined)[]);
  };

  function answerOne(value: JsonValue, peer: Address): Answer {
    const message = readMessage(value);
    if (message.kind === "invalid") {
      return refuse(message.idText, message.reason, peer);
    }
    const { kind, method, params } = message;
    const id = kind === "request" ? message.id : null;
    const idText = kind === "request" ? message.idText : undefined;
    try {
      const result = handler({ method, params, id, peer });
      return isThenable(result)
        ? Promise.resolve(result)
          .then((r) => succeed(idText, r))
          .catch((e) => fail(idText, e))
        : succeed(idText, result);
    } catch (error) {
      return fail(idText, error);
    }
  }

  function refuse(idText: string, reason: string, peer: Address): string {
    onInvalid(reason, peer);
    return formatError(
      idText,
      new ServerError(-32600, "Invalid Request", reason),
    );
  }

  function succeed(
    idText: string | undefined,
    result: unknown,
  ): string | undefined {
    return idText === undefined
      ? undefined
      : formatResult(idText, result ?? null);
  }

  function fail(
    idText: string | undefined,
    error: unknown,
  ): string | undefined {
    try {
      if (error instanceof ServerError && Number.isInteger(error.code)) {
        return idText === undefined ? undefined : formatError(idText, error);
      }
    } catch (dataError) {
      error = dataError; // JSON cannot carry its data
    }
    onError(error);
    return idText === undefined
      ? undefined
      : formatError(idText, new ServerError(-32603, "Internal error"));
  }
}

/** A handler that looks up one for the method. */
function byMethod(handlers: Record<string, EventHandler>): EventHandler {
  return (event) => {
    if (!Object.hasOwn(handlers, event.method)) {
      throw new ServerError(-32601, "Method not found");
    }
    return handlers[event.method](event);
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null)?.then === "function";
}

function toBatch(answers: (string | undefined)[]): string | undefined {
  const texts = answers.filter((a) => a !== undefined);
  return texts.length === 0 ? undefined : `[${texts.join(",")}]`;
}
