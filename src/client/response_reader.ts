/**
 * Replies out of the bytes that a server sends.
 *
 * @module
 */

import { JsonStream, type JsonStreamOptions } from "../protocol/json_stream.ts";
import { isObject, type JsonValue, MAX_ID } from "../protocol/message.ts";

/**
 * Reads replies. Most servers answer each request alike but for the id, so the
 * bytes are first compared with those of a reply that was read before. One that
 * differs in its id only need not be split, decoded and parsed, which takes
 * five times as long.
 */
export class ReplyReader {
  readonly #stream: JsonStream;
  readonly #maxAlikeBytes: number;
  /** The bytes of a reply before and after its id, and what it was. */
  #before: Uint8Array | undefined;
  #after = new Uint8Array(0);
  #result: JsonValue | undefined;
  #mayLearn = true;

  // What was read: replies that are alike, and after them those of the stream.
  // Of these the first comes before, if it had begun in an earlier piece.
  #hasBegun = false;
  #ids: number[] = [];
  #taken = 0;

  /**
   * Constructs a reader that has read nothing.
   *
   * @throws {RangeError} if `maxMessageBytes` is not a positive integer.
   */
  constructor(options: JsonStreamOptions = {}) {
    this.#stream = new JsonStream(options);
    this.#maxAlikeBytes = Math.min(
      options.maxMessageBytes ?? Infinity,
      MAX_ALIKE_BYTES,
    );
  }

  /** Whether the bytes so far end in the middle of a reply. */
  get inText(): boolean {
    return this.#stream.inText;
  }

  /** Takes what was read next, after all before it is taken by `next`. */
  push(bytes: Uint8Array): void {
    let at = 0;
    if (this.#before !== undefined) {
      if (this.#stream.inText) {
        at = this.#stream.pushText(bytes);
        this.#hasBegun = true;
      }
      if (!this.#stream.inText) at = this.#readAlike(bytes, at);
    }
    if (at < bytes.length) this.#stream.push(bytes.subarray(at));
    this.#mayLearn = this.#ids.length === 0; // else these are still needed
  }

  /**
   * Returns the next reply, or `undefined` when more bytes are needed. Of one
   * that is alike and whose id is in flight, there are the id and the result.
   *
   * @throws {SyntaxError} if it is not JSON; {@linkcode JsonStream} says what
   * else there is.
   */
  next(
    inFlight: Pick<ReadonlyMap<number, unknown>, "get">,
  ): JsonValue | undefined {
    if (!this.#hasBegun && this.#taken < this.#ids.length) {
      const id = this.#ids[this.#taken++];
      return inFlight.get(id) === undefined
        ? this.#wholeReply(id) // it is to be shown to somebody
        : { id, result: this.#result! };
    }
    this.#hasBegun = false;
    if (this.#taken > 0) {
      this.#ids = [];
      this.#taken = 0;
    }
    const text = this.#stream.next();
    if (text === undefined) return undefined;
    const reply: JsonValue = JSON.parse(text);
    if (this.#mayLearn) this.#learn(text, reply);
    return reply;
  }

  /** Reads replies that are alike, from an index; returns where they end. */
  #readAlike(bytes: Uint8Array, start: number): number {
    const before = this.#before!, after = this.#after;
    for (;;) {
      let at = start;
      if (at + before.length + after.length >= bytes.length) return start;
      for (let i = 0; i < before.length; i++) {
        if (bytes[at++] !== before[i]) return start;
      }
      let id = 0;
      const digits = at;
      for (;; at++) {
        const digit = bytes[at] - 0x30;
        if (!(digit >= 0 && digit <= 9)) break; // NaN at the end of the bytes
        id = 10 * id + digit;
      }
      const length = at - digits;
      if (length === 0 || length > MAX_ID_DIGITS) return start;
      if (length > 1 && bytes[digits] === 0x30) return start; // no JSON
      for (let i = 0; i < after.length; i++) {
        if (bytes[at++] !== after[i]) return start;
      }
      this.#ids.push(id);
      start = at;
    }
  }

  #wholeReply(id: number): JsonValue {
    const decoder = new TextDecoder();
    const text = decoder.decode(this.#before) + id +
      decoder.decode(this.#after);
    return JSON.parse(text);
  }

  /** Once for each read: to learn from each that is unlike takes too long. */
  #learn(text: string, reply: JsonValue): void {
    this.#mayLearn = false;
    this.#before = undefined;
    if (!isObject(reply)) return;
    const { id, result, error, method } = reply;
    if (
      typeof id !== "number" || result === undefined ||
      typeof result === "object" && result !== null ||
      (error ?? method) !== undefined
    ) return;
    // In another object, or twice, it is one too many; and with an escape there
    // may be names and texts that only look like it.
    const [found, ...others] = text.matchAll(
      /("id"\s*:\s*)([0-9]+)(?![0-9.eE])/g,
    );
    if (found?.[2] !== String(id) || others.length > 0) return;
    if (text.split('"id"').length !== 2) return; // one that is 1.0, or no number
    if (text.includes("\\")) return;
    const start = found.index + found[1].length;
    const before = encoder.encode(text.slice(0, start));
    const after = encoder.encode(text.slice(start + found[2].length));
    const longest = before.length + MAX_ID_DIGITS + after.length;
    if (longest > this.#maxAlikeBytes) return;
    this.#before = before;
    this.#after = after;
    this.#result = result;
  }
}

const encoder = new TextEncoder();

/** So long are ids of ours; other ones may be parsed. */
const MAX_ID_DIGITS = String(MAX_ID).length;
/** Longer replies are hardly alike. */
const MAX_ALIKE_BYTES = 256;
