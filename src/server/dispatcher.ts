/**
 * Calls the handler for a message and makes the response, by the rules of
 * JSON-RPC 2.0.
 *
 * @module
 */

import { ServerError } from "../protocol/errors.ts";
import type { JsonValue } from "../protocol/json.ts";
import { elementsOf } from "../protocol/json_members.ts";
import { readMessage } from "../protocol/request.ts";
import { formatError, formatResult } from "../protocol/response.ts";
import { type EventHandler, type Origin, ReceivedMessage } from "./event.ts";
import type { Reports } from "./reports.ts";

/** A handler for all methods, or one for each. */
export type Handlers =
  | EventHandler
  | { readonly [method: string]: EventHandler | undefined };

/** A response that is made when a handler's promise settles. */
export interface PendingResponse {
  /** Whether the peer waits for the response. */
  readonly isDue: boolean;
  /** Resolves to the JSON text, or to `undefined` if there is no response. */
  readonly text: Promise<string | undefined>;
}

/** The JSON text of a response, `undefined` if there is none, or a later one. */
export type Response = string | undefined | PendingResponse;

/**
 * How many members a batch may have. All members are handled at once, and the
 * error for a wrong member has many more bytes than the member.
 */
const MAX_BATCH = 1000;

/** Calls handlers. It never throws. */
export class Dispatcher {
  readonly #handlers: Handlers;
  readonly #reports: Reports;
  readonly #maxBatch: number;

  /** Constructs a dispatcher; a batch may have 1000 members by default. */
  constructor(
    handlers: Handlers,
    reports: Reports,
    maxBatch: number = MAX_BATCH,
  ) {
    this.#handlers = handlers;
    this.#reports = reports;
    this.#maxBatch = maxBatch;
  }

  /** Handles a message or a batch; `text` is the JSON text of `value`. */
  dispatch(value: JsonValue, text: string, origin: Origin): Response {
    if (!Array.isArray(value)) return this.#dispatchOne(value, text, origin);
    if (value.length === 0) {
      return this.#refuse("null", "the batch is empty", origin, text);
    }
    if (value.length > this.#maxBatch) {
      const reason = `the batch has more than ${this.#maxBatch} members`;
      return this.#refuse("null", reason, origin, text);
    }
    const texts = elementsOf(text);
    return toBatch(
      value.map((member, i) => this.#dispatchOne(member, texts[i]!, origin)),
    );
  }

  #dispatchOne(value: JsonValue, text: string, origin: Origin): Response {
    const message = readMessage(value, text);
    const { kind } = message;
    if (kind === "invalid") {
      return this.#refuse(
        message.idText,
        message.reason,
        origin,
        text,
        value,
      );
    }
    const { method, params } = message;
    const { stats } = this.#reports;
    let id = null, idText: string | undefined;
    if (kind === "request") {
      ({ id, idText } = message);
      stats.requests++;
      origin.tookRequest(id);
    } else stats.notifications++;
    const event = new ReceivedMessage(method, params, id, text, origin);
    const handler = this.#handlerOf(method);
    if (handler === undefined) {
      this.#reports.unhandled(event);
      return idText === undefined
        ? undefined
        : this.#error(idText, new ServerError(-32601, "Method not found"));
    }
    try {
      const result = handler(event);
      if (result === undefined && idText === undefined) return undefined;
      return isThenable(result)
        ? {
          isDue: idText !== undefined,
          text: Promise.resolve(result)
            .then((r) => this.#succeed(idText, r))
            .catch((e) => this.#fail(idText, e, event)),
        }
        : this.#succeed(idText, result);
    } catch (error) {
      return this.#fail(idText, error, event);
    }
  }

  #handlerOf(method: string): EventHandler | undefined {
    const handlers = this.#handlers;
    if (typeof handlers === "function") return handlers;
    return Object.hasOwn(handlers, method) ? handlers[method] : undefined;
  }

  #refuse(
    idText: string,
    reason: string,
    { peer }: Origin,
    text: string,
    value?: JsonValue,
  ): string {
    this.#reports.invalid(reason, peer, text, value);
    return this.#error(
      idText,
      new ServerError(-32600, "Invalid Request", reason),
    );
  }

  #succeed(idText: string | undefined, result: unknown): string | undefined {
    if (idText === undefined) return undefined;
    const text = formatResult(idText, result ?? null);
    this.#reports.stats.responses++;
    return text;
  }

  #fail(
    idText: string | undefined,
    error: unknown,
    event: ReceivedMessage,
  ): string | undefined {
    try {
      if (error instanceof ServerError && Number.isInteger(error.code)) {
        if (idText !== undefined) return this.#error(idText, error);
        this.#reports.refusedNotification(error, event);
        return undefined;
      }
    } catch (dataError) {
      error = dataError; // JSON cannot carry the error's data
    }
    this.#reports.failed(error, event);
    return idText === undefined
      ? undefined
      : this.#error(idText, new ServerError(-32603, "Internal error"));
  }

  #error(idText: string, error: ServerError): string {
    const text = formatError(idText, error);
    this.#reports.stats.responses++;
    this.#reports.stats.errors++;
    return text;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  const type = typeof value;
  return (type === "object" || type === "function") &&
    typeof (value as PromiseLike<unknown> | null)?.then === "function";
}

/** Makes the response to a batch from the responses to its members. */
function toBatch(responses: Response[]): Response {
  const pending = responses.filter((r) => typeof r === "object");
  if (pending.length === 0) return join(responses as (string | undefined)[]);
  return {
    isDue: responses.some((r) => typeof r === "object" ? r.isDue : r),
    text: Promise.all(
      responses.map((r) => typeof r === "object" ? r.text : r),
    ).then(join),
  };
}

function join(responses: (string | undefined)[]): string | undefined {
  const texts = responses.filter((text) => text !== undefined);
  return texts.length === 0 ? undefined : `[${texts.join(",")}]`;
}
