/**
 * From a message to its handler, and from what that returns to the response, by
 * the rules of JSON-RPC 2.0.
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

/** A response that comes later; `undefined` if there is none. */
export interface PendingResponse {
  /** Whether the peer waits for it. */
  readonly isDue: boolean;
  /** Never rejects. */
  readonly text: Promise<string | undefined>;
}

/** The JSON text of a response, or none, or one of them later. */
export type Response = string | undefined | PendingResponse;

/**
 * How many members a batch may have: each is handled at once, and each that is
 * wrong has a response of far more bytes.
 */
const MAX_BATCH = 1000;

/** Hands messages to handlers. It never throws. */
export class Dispatcher {
  readonly #handlers: Handlers;
  readonly #reports: Reports;
  readonly #maxBatch: number;

  /** Constructs one; a batch may have 1000 members unless given. */
  constructor(
    handlers: Handlers,
    reports: Reports,
    maxBatch: number = MAX_BATCH,
  ) {
    this.#handlers = handlers;
    this.#reports = reports;
    this.#maxBatch = maxBatch;
  }

  /** Handles a message or a batch of them; `text` is its JSON text. */
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
        this.#reports.unheard(error, event);
        return undefined;
      }
    } catch (dataError) {
      error = dataError; // JSON cannot carry its data
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

/** The response to a batch, of those to its members. */
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
