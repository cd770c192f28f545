/**
 * The other side of the management interface: asks a running OpenSIPS, over
 * its `mi_http`.
 *
 * @module
 */

import { checkFunction, checkInteger, checkMs } from "../protocol/checks.ts";
import { brief, quote, ServerError } from "../protocol/errors.ts";
import {
  isObject,
  type JsonObject,
  JsonText,
  type JsonValue,
} from "../protocol/json.ts";
import { MAX_ID } from "../protocol/message.ts";
import type { PublishedEvent } from "../events/subscriptions.ts";
import { readBody } from "./body.ts";
import { DEFAULT_EXPIRE, MAX_EXPIRE } from "./expire.ts";

/** Options of {@linkcode MiClient}. */
export interface MiClientOptions {
  /**
   * How long a request may take, in milliseconds, more than 0 and at most
   * 2147483647.
   *
   * @default {5000}
   */
  timeoutMs?: number | undefined;
  /** Headers of each request, for whoever guards the interface. */
  headers?: HeadersInit | undefined;
  /**
   * What sends a request, such as a function that adds credentials.
   *
   * @default {fetch}
   */
  fetch?: ((request: Request) => Promise<Response>) | undefined;
}

/** Options of the methods of {@linkcode MiClient}. */
export interface MiCallOptions {
  /** Gives a request up; it may have been carried out all the same. */
  signal?: AbortSignal | undefined;
}

/** Options of {@linkcode MiClient.subscribe}. */
export interface MiSubscribeOptions extends MiCallOptions {
  /**
   * After how many seconds the subscription ends; 0 ends it now.
   *
   * @default {3600}
   */
  expire?: number | undefined;
}

/** A subscriber as an OpenSIPS lists it. */
export interface MiSubscriber {
  /** The event's name. */
  event: string;
  /** Its socket. */
  socket: string;
  /** The seconds that it subscribed for; `undefined`: for ever. */
  expire: number | undefined;
  /**
   * The seconds that are left, 0 if its time is over; `undefined`: it never
   * ends, or it is an OpenSIPS before 4.0, which does not tell.
   */
  ttl: number | undefined;
}

/**
 * An OpenSIPS that gave no response of JSON-RPC: it is not there, or the address
 * is that of something else. What the system said is the `cause`.
 */
export class MiError extends Error {
  /** The name of the class. */
  override name = "MiError";
  /** The status of HTTP, if there was a response. */
  readonly status: number | undefined;

  /** Constructs an error. */
  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

const DEFAULT_TIMEOUT_MS = 5000;
/** A list of tens of thousands of subscribers fits; what never ends does not. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;

/**
 * A client of the management interface of OpenSIPS 2.4 to 4.0, or of `hub`.
 * It keeps to what all of them take: always an id, `application/json`, the names
 * of commands before 4.0, `expire` as a number.
 *
 * All its methods reject with:
 * - {@linkcode ServerError}: OpenSIPS responded with an error; `code`, `message`
 *   and `data` are its own;
 * - {@linkcode MiError}: there was no response of JSON-RPC;
 * - a `TimeoutError` (a `DOMException`) after `timeoutMs`;
 * - the reason of `signal`, when it is aborted.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventInterface } from "../../mod.ts";
 * import { manageOverHttp, MiClient } from "./mod.ts";
 *
 * // Here the Event Interface of this module stands for an OpenSIPS.
 * await using events = new EventInterface();
 * events.publish("E_PIKE_BLOCKED");
 * await using server = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0 },
 *   manageOverHttp(events),
 * );
 *
 * const mi = new MiClient(`http://127.0.0.1:${server.addr.port}/mi`);
 * await mi.subscribe("E_PIKE_BLOCKED", "tcp:127.0.0.1:8080", { expire: 60 });
 * const [{ socket, expire }] = await mi.subscribers("E_PIKE_BLOCKED");
 * assertEquals([socket, expire], ["tcp:127.0.0.1:8080", 60]);
 * ```
 */
export class MiClient {
  /** Where the OpenSIPS is. */
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #headers: Headers;
  readonly #fetch: (request: Request) => Promise<Response>;
  #id = 0;

  /**
   * Constructs a client, which opens no connection yet.
   *
   * @param url The address of `mi_http`, such as `http://127.0.0.1:8888/mi`.
   * @throws {TypeError} if `url` is not an address of HTTP, or an option has the
   * wrong type.
   * @throws {RangeError} if `timeoutMs` is out of its range.
   */
  constructor(url: string | URL, options: MiClientOptions = {}) {
    const {
      timeoutMs = DEFAULT_TIMEOUT_MS,
      headers,
      fetch: send = (request) => fetch(request),
    } = options;
    this.url = parseUrl(url);
    checkMs("timeoutMs", timeoutMs);
    checkFunction("fetch", send);
    this.#timeoutMs = timeoutMs;
    this.#headers = new Headers(headers);
    this.#headers.set("content-type", "application/json");
    this.#fetch = send;
  }

  /** The events that are published. */
  async events(options: MiCallOptions = {}): Promise<PublishedEvent[]> {
    const result = await this.call("events_list", {}, options);
    return listOf(result, "Events").map((event) => ({
      name: String(event["name"]),
      id: Number(event["id"]),
    }));
  }

  /**
   * The subscribers of an event, or of all, the newest of each event first. One
   * whose time is over is among them until OpenSIPS has cleaned up.
   */
  async subscribers(
    event?: string,
    options: MiCallOptions = {},
  ): Promise<MiSubscriber[]> {
    const params: JsonObject = event === undefined ? {} : { event };
    const result = await this.call("subscribers_list", params, options);
    const lists = event === undefined
      ? listOf(result, "Events")
      : [memberOf(result, "Event")];
    return lists.flatMap((list) =>
      // Without a subscriber, the event is `{}`.
      (list["Subscribers"] === undefined ? [] : listOf(list, "Subscribers"))
        .map((subscriber) => toSubscriber(String(list["name"]), subscriber))
    );
  }

  /**
   * Subscribes a socket to an event, or renews its subscription; with `expire`
   * 0 ends it.
   *
   * An OpenSIPS does not recognise a socket with a method: to renew it doubles
   * its events, and to end it does nothing.
   *
   * Rejects with a `RangeError` if `expire` is not an integer from 0 to 2147483647.
   */
  async subscribe(
    event: string,
    socket: string,
    options: MiSubscribeOptions = {},
  ): Promise<void> {
    const { expire = DEFAULT_EXPIRE, ...rest } = options;
    checkInteger("expire", expire, 0, MAX_EXPIRE);
    await this.call("event_subscribe", { event, socket, expire }, rest);
  }

  /**
   * Raises an event; resolves before it is delivered. There is no such command
   * before 3.1.
   *
   * An OpenSIPS takes texts and numbers only: of a list it makes all of them
   * texts, it cuts fractions off, and keeps numbers within 32 bits.
   *
   * @param params An object or an array; a {@linkcode JsonText} goes out as it is.
   */
  async raise(
    event: string,
    params: JsonObject | JsonValue[] | JsonText = {},
    options: MiCallOptions = {},
  ): Promise<void> {
    const text = params instanceof JsonText
      ? params.text
      : JSON.stringify(params);
    // It takes an array as it is, but an object as a text only.
    const value = text.startsWith("[") ? text : JSON.stringify(text);
    await this.call(
      "raise_event",
      new JsonText(`{"event":${JSON.stringify(event)},"params":${value}}`),
      options,
    );
  }

  /**
   * Runs a command, and resolves to its result.
   *
   * @param params Named or positional; a {@linkcode JsonText} goes out as it is.
   */
  async call(
    method: string,
    params: JsonObject | JsonValue[] | JsonText = {},
    options: MiCallOptions = {},
  ): Promise<JsonValue> {
    const { signal } = options;
    signal?.throwIfAborted();
    this.#id = this.#id % MAX_ID + 1;
    const id = this.#id;
    const text = params instanceof JsonText
      ? params.text
      : JSON.stringify(params);
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), this.#timeoutMs);
    const request = new Request(this.url, {
      method: "POST",
      headers: this.#headers,
      body: `{"jsonrpc":"2.0","id":${id},"method":${
        JSON.stringify(method)
      },"params":${text}}`,
      signal: signal === undefined
        ? timeout.signal
        : AbortSignal.any([signal, timeout.signal]),
    });
    let response: Response, body: string | undefined;
    try {
      response = await this.#fetch(request);
      body = await readBody(response.body, MAX_RESPONSE_BYTES);
    } catch (cause) {
      signal?.throwIfAborted();
      if (timeout.signal.aborted) {
        throw new DOMException(
          `Cannot ask ${this.url}: no response after ${this.#timeoutMs} ms`,
          "TimeoutError",
        );
      }
      throw new MiError(
        `Cannot ask ${this.url}: ${reasonOf(cause)}`,
        undefined,
        { cause },
      );
    } finally {
      clearTimeout(timer);
    }
    return this.#resultOf(response.status, body, id);
  }

  #resultOf(status: number, body: string | undefined, id: number): JsonValue {
    const response = parse(body);
    if (!isObject(response) || response["id"] !== id) {
      throw new MiError(
        `Cannot ask ${this.url}: expected a response of JSON-RPC, ` +
          (body === undefined
            ? `found more than ${MAX_RESPONSE_BYTES} bytes`
            : `found ${quote(brief(body.trim()))}`) +
          ` with the status ${status} of HTTP`,
        status,
      );
    }
    const { error, result } = response as {
      error?: unknown;
      result?: JsonValue;
    };
    if (isObject(error)) {
      const { code, message, data } = error as Record<string, unknown>;
      throw new ServerError(Number(code), String(message), data);
    }
    if (result === undefined) {
      throw new MiError(
        `Cannot ask ${this.url}: the response has neither result nor error`,
        status,
      );
    }
    return result;
  }
}

function parseUrl(url: string | URL): string {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new TypeError(
      `Cannot use the address ${
        quote(String(url))
      }: expected one of HTTP, such as http://127.0.0.1:8888/mi`,
    );
  }
  return parsed.href;
}

/** What went wrong in the end: what `fetch` itself says is "fetch failed". */
function reasonOf(error: unknown): string {
  while (error instanceof Error && error.cause instanceof Error) {
    error = error.cause;
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error sending request for url \([^)]*\): /, "");
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

function listOf(value: JsonValue, name: string): JsonObject[] {
  const list = isObject(value) ? value[name] : undefined;
  if (!Array.isArray(list) || !list.every(isObject)) throw unexpected(name);
  return list;
}

function memberOf(value: JsonValue, name: string): JsonObject {
  const member = isObject(value) ? value[name] : undefined;
  if (!isObject(member)) throw unexpected(name);
  return member;
}

function unexpected(name: string): MiError {
  return new MiError(
    `Cannot read the result of OpenSIPS: it has no ${quote(name)}`,
  );
}

function toSubscriber(event: string, subscriber: JsonObject): MiSubscriber {
  const { socket, expire, ttl } = subscriber as Record<string, JsonValue>;
  return {
    event,
    socket: String(socket),
    expire: typeof expire === "number" ? expire : undefined,
    ttl: ttl === "expired" || expire === 0
      ? 0
      : typeof ttl === "number"
      ? ttl
      : undefined,
  };
}
