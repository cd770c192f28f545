/**
 * A conversation on one open connection: the deliveries written on it, and the
 * responses received on it.
 *
 * @module
 */

import {
  ConnectionClosedError,
  type DeliveryError,
  ProtocolError,
} from "../protocol/errors.ts";
import { JsonText, type JsonValue } from "../protocol/json.ts";
import { elementsOf, memberText } from "../protocol/json_members.ts";
import { JsonStream } from "../protocol/json_stream.ts";
import { correlate, type Outcome } from "../protocol/response.ts";
import { type Carrier, type Delivery, WRITING, WRITTEN } from "./delivery.ts";
import { nextId, Requests } from "./requests.ts";

/**
 * | state | meaning | next |
 * |---|---|---|
 * | `open` | messages go out, responses come in | `reading`, `ending`, `closed` |
 * | `reading` | no new write begins; a write under way continues, and responses come in | `ending`, `closed` |
 * | `ending` | our side is ended, and the server has time to close | `closed` |
 * | `closed` | the shell closes the connection, or has closed it | |
 */
export type ConversationState = "open" | "reading" | "ending" | "closed";

/**
 * A connection is dead after this many timed-out requests in a row without a
 * byte. Otherwise a connection that a firewall dropped would fail all later
 * events.
 */
const MAX_SILENT = 3;

/** See the module. It does no I/O and reads no clock. */
export class Conversation implements Carrier {
  state: ConversationState = "open";
  /** Why the conversation ends; undefined if we end it. */
  reason: DeliveryError | undefined;
  /** When to close the connection if the server has not, once `ending`. */
  closeBy: number = Infinity;
  /** When a message last went out, or bytes came in. */
  activeAt: number;
  /** The requests that wait for their responses. */
  readonly requests: Requests<Delivery> = new Requests();

  /** The deliveries of the write under way. */
  #writing: Delivery[] = [];
  /** How many messages have gone out, or are in the write under way. */
  #messages = 0;
  #reads = 0;
  /** How many requests have timed out in a row without a byte received. */
  #silent = 0;
  /** Undefined without sync mode: received bytes are discarded. */
  readonly #stream: JsonStream | undefined;
  /** The last text that was read. */
  #text = "";
  /** The batch of responses in `#text`, until its last response is read. */
  #batch: JsonValue[] | undefined;
  /** How many responses of the batch have been read; 0 if `#text` is no batch. */
  #batchAt = 0;
  /** The responses of the batch as they came; made when one is needed. */
  #batchTexts: string[] | undefined;
  /** The response that `next` last read. */
  response: JsonValue = null;

  /**
   * Constructs an open conversation. `maxMessageBytes` is undefined if responses
   * are not read.
   */
  constructor(now: number, maxMessageBytes: number | undefined) {
    this.activeAt = now;
    if (maxMessageBytes !== undefined) {
      this.#stream = new JsonStream({ maxMessageBytes });
    }
  }

  /** How many messages have gone out, or are in the write under way. */
  get messages(): number {
    return this.#messages;
  }

  get isWriting(): boolean {
    return this.#writing.length > 0;
  }

  /** Whether no write is under way and no request waits for its response. */
  get isIdle(): boolean {
    return this.#writing.length === 0 && this.requests.size === 0;
  }

  /** Whether all its deliveries are settled; a write may still be under way. */
  get isDone(): boolean {
    return this.requests.size === 0 &&
      this.#writing.every(({ isSettled }) => isSettled);
  }

  /** Adds a delivery to the write; returns the last id used. */
  beginWrite(delivery: Delivery, lastId: number): number {
    delivery.state = WRITING;
    delivery.carrier = this;
    this.#writing.push(delivery);
    this.#messages += delivery.count;
    if (this.#stream === undefined) return lastId;
    delivery.id = nextId(lastId, this.requests);
    delivery.readsBefore = this.#reads;
    this.requests.add(delivery);
    return delivery.id;
  }

  /** The write has ended, by success or failure; returns its deliveries. */
  endWrite(now: number): Delivery[] {
    const written = this.#writing;
    this.#writing = [];
    this.activeAt = now;
    for (const delivery of written) {
      delivery.writtenAt = now;
      if (delivery.state === WRITING) delivery.state = WRITTEN;
    }
    return written;
  }

  /** Removes a settled request. */
  forget(request: Delivery): void {
    this.requests.delete(request);
  }

  /** A written request has timed out; returns whether the connection is dead. */
  timedOut(request: Delivery): boolean {
    if (request.readsBefore === this.#reads) this.#silent++;
    return this.#silent >= MAX_SILENT;
  }

  /** Takes bytes that were received. */
  received(bytes: Uint8Array, now: number): void {
    this.#reads++;
    this.#silent = 0;
    this.activeAt = now;
    this.#stream?.push(bytes);
  }

  /**
   * Reads the next response into `response` and matches it with its request.
   * Returns `undefined` when more bytes are needed.
   *
   * @throws {ProtocolError} if the bytes are not JSON.
   */
  next(): Outcome<Delivery> | undefined {
    if (this.#batch === undefined) {
      const value = this.#read();
      if (value === undefined) return undefined;
      if (!Array.isArray(value) || value.length === 0) {
        this.response = value;
        return correlate(value, this.requests);
      }
      this.#batch = value;
    }
    const batch = this.#batch;
    this.response = batch[this.#batchAt++]!;
    if (this.#batchAt === batch.length) this.#batch = undefined;
    return correlate(this.response, this.requests);
  }

  /** Returns the result of `response` as it came. */
  rawResult(): JsonText {
    const text = this.#batchAt === 0
      ? this.#text
      : (this.#batchTexts ??= elementsOf(this.#text))[this.#batchAt - 1]!;
    return new JsonText(memberText(text, "result")!);
  }

  #read(): JsonValue | undefined {
    try {
      const text = this.#stream?.next();
      if (text === undefined) return undefined;
      this.#text = text;
      this.#batchAt = 0;
      this.#batchTexts = undefined;
      return JSON.parse(text);
    } catch (cause) {
      const problem = cause instanceof RangeError
        ? "cannot be taken"
        : "is not JSON";
      throw new ProtocolError(
        `the server's response ${problem}: ${(cause as Error).message}`,
        { cause },
      );
    }
  }

  /** Returns the error for the end of the received bytes. */
  endOfBytes(): ConnectionClosedError {
    return new ConnectionClosedError(
      this.#stream?.inText
        ? "the server closed the connection in the middle of a response"
        : "the server closed the connection",
    );
  }

  /** Returns the deliveries that are being written or wait for a response. */
  underWay(): Delivery[] {
    const requests = this.requests.values();
    const others = this.#writing.filter((delivery) => delivery.id === 0);
    return [...others, ...requests];
  }

  /** Forgets the write under way and the batch: the connection is closed. */
  clear(): void {
    this.#writing = [];
    this.#batch = undefined;
  }
}
