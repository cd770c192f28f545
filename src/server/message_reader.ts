/**
 * From the bytes of a peer to the texts of messages.
 *
 * @module
 */

import { JsonStream } from "../protocol/json_stream.ts";

/** How many bytes tell what protocol a peer speaks. */
const HEAD_BYTES = 16;
const LINE_FEED = 0x0a;

/** Reads messages off the bytes of one connection. */
export class MessageReader {
  readonly #stream: JsonStream;
  /** The beginning of the bytes that came first, until there is a message. */
  #head: Uint8Array | undefined = new Uint8Array(0);
  #lastByte: number | undefined;
  #isByLine = false;

  /** @throws {RangeError} if `maxMessageBytes` is not a positive integer. */
  constructor(maxMessageBytes: number | undefined) {
    this.#stream = new JsonStream({ maxMessageBytes });
  }

  /** Whether the bytes end in the middle of a message, after the last `next`. */
  get inMessage(): boolean {
    return this.#stream.inText;
  }

  /**
   * Whether a message has ended with a line feed. It is seen at the end of the
   * bytes that came together, once `next` has returned `undefined`.
   */
  get isByLine(): boolean {
    return this.#isByLine;
  }

  /**
   * Takes the next bytes, which may be reused. Returns how many times bytes that
   * are not UTF-8 have become U+FFFD.
   */
  push(bytes: Uint8Array): number {
    if (this.#head?.length === 0) this.#head = bytes.slice(0, HEAD_BYTES);
    const { replaced } = this.#stream;
    this.#stream.push(bytes);
    this.#lastByte = bytes.at(-1);
    return this.#stream.replaced - replaced;
  }

  /** Takes the end of the bytes, and returns the same. */
  end(): number {
    const { replaced } = this.#stream;
    this.#stream.end();
    return this.#stream.replaced - replaced;
  }

  /**
   * Returns the text of the next message, or `undefined` when more bytes are
   * needed.
   *
   * @throws {Error} that says what is wrong with the bytes.
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

/** What else than JSON-RPC over TCP is found at such ports, by its beginning. */
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
