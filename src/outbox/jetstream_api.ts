/**
 * Asks JetStream: its API is JSON over requests.
 *
 * @module
 */

import { StoreError } from "./errors.ts";
import type { NatsClient, NatsHeaders, NatsMessage } from "./nats.ts";

/** How a stream is set up; the members that are used here. */
export interface StreamConfig {
  name: string;
  subjects: string[];
  description?: string;
  [option: string]: unknown;
}

/** What a stream tells of itself; the members that are used here. */
export interface StreamInfo {
  config: StreamConfig;
  state: {
    messages: number;
    bytes: number;
    first_seq: number;
    last_seq: number;
    subjects?: Record<string, number>;
  };
}

/** What a consumer tells of itself; the members that are used here. */
export interface ConsumerInfo {
  delivered: { consumer_seq: number; stream_seq: number };
  ack_floor: { stream_seq: number };
  /** How many it has not delivered yet. */
  num_pending: number;
  /** How many are out. */
  num_ack_pending: number;
}

/** A message of a stream. */
export interface StoredMessage {
  seq: number;
  data: Uint8Array;
}

/** Which message is asked for; see `STREAM.MSG.GET`. */
export type Query =
  | { seq: number; next_by_subj?: string }
  | { last_by_subj: string };

/** An error that JetStream has answered with. */
export class ApiError extends Error {
  override name = "ApiError";
  /** Its number, which is the same in all versions. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Numbers of errors. */
const NO_MESSAGE = 10037, NO_STREAM = 10059, NAME_IN_USE = 10058;
const NO_ROOM = [10023, 10028, 10047]; // of the server, or of an account

/** How long to wait until something is asked again that nobody answers. */
const PAUSE_MS = 100;

/** Milliseconds as JetStream counts time. */
export function nanos(ms: number): number {
  return Math.round(ms * 1e6);
}

/** Resolves after a while. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether nobody was there to answer: the server has just started, say. */
export function isUnanswered(error: unknown): boolean {
  const { code, name, cause } = error as {
    code?: unknown;
    name?: unknown;
    cause?: { name?: unknown };
  };
  return code === "503" || [name, cause?.name].includes("NoRespondersError");
}

/** Makes the error that a caller sees. */
export function storeErrorOf(error: unknown, what: string): StoreError {
  if (error instanceof StoreError) return error;
  const isFull = error instanceof ApiError && NO_ROOM.includes(error.code);
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError(
    isFull ? "full" : "failed",
    `Cannot ${what}: JetStream says ${JSON.stringify(message)}`,
    { cause: error },
  );
}

/** See the module. */
export class Api {
  readonly client: NatsClient;
  readonly timeoutMs: number;
  readonly #prefix: string;
  #resumed = Promise.withResolvers<void>();

  /** `domain` is that of JetStream, if it has one. */
  constructor(
    client: NatsClient,
    timeoutMs: number,
    domain: string | undefined,
  ) {
    this.client = client;
    this.timeoutMs = timeoutMs;
    this.#prefix = domain === undefined ? "$JS.API" : `$JS.${domain}.API`;
  }

  /** The subject of a part of the API. */
  subject(name: string): string {
    return `${this.#prefix}.${name}`;
  }

  /** The connection is there again: what was asked before may be lost. */
  resume(): void {
    this.#resumed.resolve();
    this.#resumed = Promise.withResolvers<void>();
  }

  /**
   * Sends a request that does no harm twice: again while nobody is there to
   * respond, and when the connection was lost meanwhile.
   */
  async request(
    subject: string,
    payload: Uint8Array | string,
    headers?: NatsHeaders,
  ): Promise<NatsMessage> {
    const { connection } = this.client;
    const deadline = performance.now() + this.timeoutMs;
    for (;;) {
      const timeout = Math.max(1, deadline - performance.now());
      const options = headers === undefined
        ? { timeout }
        : { timeout, headers };
      try {
        const response = connection.request(subject, payload, options);
        response.catch(() => {}); // the connection may be faster
        const first = await Promise.race([response, this.#resumed.promise]);
        if (first !== undefined) return first;
        continue;
      } catch (error) {
        if (!isUnanswered(error)) throw error;
        if (performance.now() + PAUSE_MS >= deadline) throw error;
      }
      await pause(PAUSE_MS);
    }
  }

  /** Asks something; rejects with an {@linkcode ApiError} if that is refused. */
  async ask<T>(name: string, question: unknown = {}): Promise<T> {
    const message = await this.request(
      this.subject(name),
      JSON.stringify(question),
    );
    return read<T>(message);
  }

  /** Sets a stream up as it is to be, whatever it was. */
  async setUp(config: StreamConfig): Promise<void> {
    // Not by CREATE at once: a server without room refuses it for one that is there.
    const info = await this.info(config.name);
    if (info === undefined) {
      try {
        await this.ask(`STREAM.CREATE.${config.name}`, config);
        return;
      } catch (error) {
        if (!isCode(error, NAME_IN_USE)) throw error;
      }
    } else if (isSame(config, info.config)) return;
    await this.ask(`STREAM.UPDATE.${config.name}`, config);
  }

  /** What a stream tells of itself; `undefined` if there is none. */
  async info(
    stream: string,
    subjects?: string,
  ): Promise<StreamInfo | undefined> {
    const question = subjects === undefined
      ? {}
      : { subjects_filter: subjects };
    try {
      return await this.ask<StreamInfo>(`STREAM.INFO.${stream}`, question);
    } catch (error) {
      if (isCode(error, NO_STREAM)) return undefined;
      throw error;
    }
  }

  /** What a consumer tells of itself. */
  consumer(stream: string, consumer: string): Promise<ConsumerInfo> {
    return this.ask(`CONSUMER.INFO.${stream}.${consumer}`);
  }

  /** A message of a stream; `undefined` if there is none. */
  async get(stream: string, query: Query): Promise<StoredMessage | undefined> {
    try {
      const { message } = await this.ask<
        { message: { seq: number; data?: string } }
      >(`STREAM.MSG.GET.${stream}`, query);
      return { seq: message.seq, data: bytesOf(message.data ?? "") };
    } catch (error) {
      if (isCode(error, NO_MESSAGE) || isCode(error, NO_STREAM)) {
        return undefined;
      }
      throw error;
    }
  }

  /** Removes a message; resolves to whether it was there. */
  async remove(stream: string, seq: number): Promise<boolean> {
    try {
      await this.ask(`STREAM.MSG.DELETE.${stream}`, { seq });
      return true;
    } catch (error) {
      if (error instanceof ApiError) return false; // somebody was faster
      throw error;
    }
  }

  /** Removes all messages of a subject. */
  async purge(stream: string, subject: string): Promise<void> {
    await this.ask(`STREAM.PURGE.${stream}`, { filter: subject });
  }

  /** Stores a message; by its id the stream knows it again. */
  async store(
    subject: string,
    payload: Uint8Array | string,
    id?: string,
  ): Promise<void> {
    read(
      await this.request(
        subject,
        payload,
        id === undefined ? id : this.headersOf(id),
      ),
    );
  }

  /** The headers of a message that a stream is to know again. */
  headersOf(id: string): NatsHeaders {
    const headers = this.client.headers();
    headers.set("Nats-Msg-Id", id);
    return headers;
  }

  /** Sends a message that may be lost. */
  publish(
    subject: string,
    payload: string,
    options: { reply?: string } = {},
  ): void {
    try {
      this.client.connection.publish(subject, payload, options);
    } catch { /* it is closed, before the store */ }
  }

  /** Tells all who listen now; nothing is stored. */
  tell(subject: string, news: unknown): void {
    this.publish(subject, JSON.stringify(news));
  }

  /** Has what others tell given to a callback, until the function is called. */
  listen<T>(subject: string, callback: (news: T) => void): () => void {
    const listening = this.client.connection.subscribe(subject, {
      callback(error, { data }) {
        if (error) return;
        let news: T;
        try {
          news = JSON.parse(decoder.decode(data));
        } catch {
          return; // somebody else's
        }
        callback(news);
      },
    });
    return () => listening.unsubscribe();
  }

  /** All pages of what `STREAM.LIST` or `STREAM.NAMES` tells. */
  async list<T>(what: "LIST" | "NAMES", subject: string): Promise<T[]> {
    const all: T[] = [];
    for (;;) {
      const { streams, total } = await this.ask<
        { streams?: T[] | null; total: number }
      >(`STREAM.${what}`, { subject, offset: all.length });
      all.push(...streams ?? []);
      if (all.length >= total || !streams?.length) return all;
    }
  }
}

const decoder = new TextDecoder();

/** Reads a response; throws an {@linkcode ApiError} if it is one. */
export function read<T>({ data }: NatsMessage): T {
  const response = JSON.parse(decoder.decode(data));
  const { error } = response;
  if (error === undefined) return response;
  throw new ApiError(error.err_code, error.description);
}

/** Whether a stream is set up as it is to be. */
function isSame(wanted: StreamConfig, found: StreamConfig): boolean {
  return Object.entries(wanted).every(([name, value]) =>
    JSON.stringify(value) === JSON.stringify(found[name])
  );
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof ApiError && error.code === code;
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}
