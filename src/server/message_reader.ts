/**
 * Splits the bytes of a peer into the texts of messages.
 *
 * @module
 */

import { JsonStream } from "../protocol/json_stream.ts";

/** How many bytes are enough to recognize another protocol. */
const HEAD_BYTES = 16;
const LINE_FEED = 0x0a;

/** Reads messages from the bytes of one connection. */
export class MessageReader {
  readonly #stream: JsonStream;
  /** The first bytes of the connection, until there was a message. */
  #head: Uint8Array | undefined = new Uint8Array(0);
  #lastByte: number | undefined;
  #isByLine = false;

  /** @throws {RangeError} if `maxMessageBytes` is not a positive integer. */
  constructor(maxMessageBytes: number | undefined) {
    this.#stream = new JsonStream({ maxMessageBytes });
  }

  /**
   * Whether the bytes so far end in the middle of a message. Valid after `next` has
   * returned `undefined`.
   */
  get inMessage(): boolean {
    return this.#stream.inText;
  }

  /**
   * Whether the peer ends messages with a line feed: pushed bytes have ended with a
   * message and a line feed. Valid after `next` has returned `undefined`.
   */
  get isByLine(): boolean {
    return this.#isByLine;
  }

  /**
   * Adds the next bytes; their buffer may be reused. Returns how many U+FFFD were
   * put in place of bytes that are not UTF-8.
   */
  push(bytes: Uint8Array): number {
    if (this.#head?.length === 0) this.#head = bytes.slice(0, HEAD_BYTES);
    const { replaced } = this.#stream;
    this.#stream.push(bytes);
    this.#lastByte = bytes.at(-1);
    return this.#stream.replaced - replaced;
  }

  /** Ends the bytes; returns the same number as `push`. */
  end(): number {
    const { replaced } = this.#stream;
    this.#stream.end();
    return this.#stream.replaced - replaced;
  }

  /**
   * Returns the text of the next message, or `undefined` when more bytes are
   * needed.
   *
   * @throws {SyntaxError} if the bytes are not JSON.
   * @throws {RangeError} if a message is too large or nested too deep.
   */
  next(): string | undefined {
    let text: string | undefined;
    try {
      text = this.#stream.next();
    } catch (error) {
      const likeness = this.#head && likenessOf(this.#head);
      if (likeness === undefined) throw error;
      throw new SyntaxError(`Cannot read JSON: this looks like ${likeness}`);
    }
    if (text !== undefined) this.#head = undefined;
    else if (this.#lastByte === LINE_FEED && !this.#stream.inText) {
      this.#isByLine ||= this.#head === undefined;
    }
    return text;
  }
}

/** Other protocols, by the first bytes of a peer that speaks them. */
const LIKENESSES: readonly (readonly [RegExp, string])[] = [
  [/^[A-Z]{3,} sips?:|^SIP\/2/, "SIP"],
  [/^[A-Z]{3,} [/*h]|^HTTP\/|^PRI \* /, "HTTP"],
  // deno-lint-ignore no-control-regex
  [/^\x16\x03/, "TLS"],
  [/^Content-|^[A-Za-z-]+: /, "a message with a header before it"],
  [/^\xff\xfe|^\xfe\xff|^.\0/, "UTF-16, expected UTF-8"],
];

function likenessOf(head: Uint8Array): string | undefined {
  const text = String.fromCharCode(...head).trimStart();
  return LIKENESSES.find(([beginning]) => beginning.test(text))?.[1];
}
