/**
 * A conversation on one open connection: what goes out on it, and the responses
 * that come in.
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
 * | `reading` | nothing more goes out; what was written waits for its responses | `ending`, `closed` |
 * | `ending` | the server is told that no more comes, and may end it too | `closed` |
 * | `closed` | the connection is to be closed, or is | |
 */
export type ConversationState = "open" | "reading" | "ending" | "closed";

/**
 * After so many requests in a row without a byte from the server, a connection
 * counts as dead: a firewall that forgot it must not cost every event to come.
 */
const MAX_SILENT = 3;

/** See the module. It does no I/O and reads no clock. */
export class Conversation implements Carrier {
  state: ConversationState = "open";
  /** Why it ends, unless we end it ourselves. */
  reason: DeliveryError | undefined;
  /** Until when the server may end it too, once it is `ending`. */
  closeBy: number = Infinity;
  /** When a message last went out, or a response came in. */
  activeAt: number;
  /** The requests that wait for their responses. */
  readonly requests: Requests<Delivery> = new Requests();

  /** The deliveries of the write under way. */
  #writing: Delivery[] = [];
  /** How many messages have been given to it. */
  #messages = 0;
  #reads = 0;
  /** Requests that timed out, in a row, without a byte since they were written. */
  #silent = 0;
  /** Absent: nobody waits for responses, and they are thrown away. */
  readonly #stream: JsonStream | undefined;
  /** The last text that was read. */
  #text = "";
  /** The batch of responses in that text, while it is being taken. */
  #batch: JsonValue[] | undefined;
  /** How many responses of the batch are taken; 0: the text is no batch. */
  #batchAt = 0;
  /** The responses of the batch as they came, once one of them is asked for. */
  #batchTexts: string[] | undefined;
  /** The last response. */
  response: JsonValue = null;

  /** Starts a conversation; with a limit for responses if any are read. */
  constructor(now: number, maxMessageBytes: number | undefined) {
    this.activeAt = now;
    if (maxMessageBytes !== undefined) {
      this.#stream = new JsonStream({ maxMessageBytes });
    }
  }

  /** How many messages have gone out on it, or are about to. */
  get messages(): number {
    return this.#messages;
  }

  get isWriting(): boolean {
    return this.#writing.length > 0;
  }

  /** Whether nothing is under way on it. */
  get isIdle(): boolean {
    return this.#writing.length === 0 && this.requests.size === 0;
  }

  /** Whether nobody waits for anything on it, though a write may be under way. */
  get isDone(): boolean {
    return this.requests.size === 0 &&
      this.#writing.every(({ isSettled }) => isSettled);
  }

  /** Begins to write a delivery; returns the id of its request. */
  begin(delivery: Delivery, lastId: number): number {
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

  /** The write under way has ended; returns its deliveries. */
  written(now: number): Delivery[] {
    const written = this.#writing;
    this.#writing = [];
    this.activeAt = now;
    for (const delivery of written) {
      delivery.writtenAt = now;
      if (delivery.state === WRITING) delivery.state = WRITTEN;
    }
    return written;
  }

  /** Takes a request out that is settled. */
  forget(request: Delivery): void {
    this.requests.delete(request);
  }

  /** A written request has timed out; returns whether the connection is dead. */
  timedOut(request: Delivery): boolean {
    if (request.readsBefore === this.#reads) this.#silent++;
    return this.#silent >= MAX_SILENT;
  }

  /** Takes bytes that have come in. */
  received(bytes: Uint8Array, now: number): void {
    this.#reads++;
    this.#silent = 0;
    this.activeAt = now;
    this.#stream?.push(bytes);
  }

  /**
   * Reads the next response and matches it; `undefined` when more bytes are
   * needed. The response is `response` then.
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

  /** The result of the last response as it came. */
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

  /** The end of what the server sends, as an error. */
  endOfBytes(): ConnectionClosedError {
    return new ConnectionClosedError(
      this.#stream?.inText
        ? "the server closed the connection in the middle of a response"
        : "the server closed the connection",
    );
  }

  /** All that is under way on it, and of which a byte may have left. */
  underWay(): Delivery[] {
    const requests = this.requests.values();
    const others = this.#writing.filter((delivery) => delivery.id === 0);
    return [...others, ...requests];
  }

  /** Nothing is under way any more, as its connection is gone. */
  drop(): void {
    this.#writing = [];
    this.#batch = undefined;
  }
}
