/**
 * Whole JSON texts out of bytes that arrive in any pieces, for connections on
 * which one text follows another with nothing between them.
 *
 * @module
 */

import { checkPositiveInteger } from "./checks.ts";

/**
 * How large one JSON text may be by default, in bytes of UTF-8. OpenSIPS
 * reads a SIP message into 65,535 bytes; escaped in full that is under 384 KiB,
 * so an event that carries one fits twice. And a thousand hostile peers that
 * each send an endless text cost 1 GiB together, not more.
 */
export const MAX_MESSAGE_BYTES: number = 1024 * 1024;

/**
 * How deep a text may be nested. cJSON, which OpenSIPS and many receivers read
 * with, refuses more (`CJSON_NESTING_LIMIT`); and code that walks through a
 * parsed value, `JSON.stringify` among it, runs out of stack at some depth.
 */
export const MAX_DEPTH = 1000;

/** Options of {@linkcode JsonStream}. */
export interface JsonStreamOptions {
  /**
   * The largest text that is taken, in bytes of UTF-8.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number | undefined;
}

/**
 * Where in a text the scan stands.
 *
 * | state | next |
 * |---|---|
 * | between | the start of a text: scalar, string, nested |
 * | scalar | a number or a literal at the top level: between |
 * | nested | inside of brackets: string, between |
 * | string | inside of quotes: nested; at the top level: between |
 */
type State = "between" | "scalar" | "nested" | "string";

const QUOTE = 0x22, BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d;
const BYTE_ORDER_MARK = 0xfeff;

/**
 * Splits a stream of bytes into whole JSON texts.
 *
 * It finds the end of a text by its brackets and quotes and does not parse it:
 * `JSON.parse` decides whether a text is JSON. Numbers and literals at the
 * top level end where something else begins. Texts need nothing between them;
 * white space and byte order marks are skipped. Bytes that are not UTF-8 become
 * U+FFFD, as they do with a `TextDecoder`, and are counted by
 * {@linkcode JsonStream.replaced}. Bytes that were pushed may be reused.
 *
 * Give it bytes with {@linkcode JsonStream.push}, then take texts with
 * {@linkcode JsonStream.next} until there is none. At the end of the bytes,
 * call {@linkcode JsonStream.end} and take the last ones. When the bytes are
 * wrong, `next` throws after all texts before that point, and again at each call.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { JsonStream } from "../../mod.ts";
 *
 * const stream = new JsonStream();
 * stream.push(new TextEncoder().encode('{"id":1,"result":true}{"id":2,'));
 * assertEquals(stream.next(), '{"id":1,"result":true}');
 * assertEquals(stream.next(), undefined); // more bytes are needed
 * ```
 */
export class JsonStream {
  readonly #maxMessageBytes: number;
  readonly #decoder: TextDecoder = new TextDecoder("utf-8", {
    ignoreBOM: true, // "ignore" here means: do not strip it
  });
  /** What was decoded, and how much of it has been scanned. */
  #piece = "";
  #at = 0;
  /** The text under way, as far as it came in earlier pieces. */
  #begun = "";
  #state: State = "between";
  #depth = 0;
  /** Whether the piece before ended with a backslash that escapes. */
  #isEscaped = false;
  #isEnded = false;
  #replaced = 0;
  /** The last two bytes that were pushed, as one number. */
  #lastBytes = 0;
  #failure: Error | undefined;

  /**
   * Constructs a stream that has seen nothing.
   *
   * @throws {TypeError} if `maxMessageBytes` is not a number.
   * @throws {RangeError} if `maxMessageBytes` is not a positive integer.
   */
  constructor(options: JsonStreamOptions = {}) {
    const { maxMessageBytes = MAX_MESSAGE_BYTES } = options;
    checkPositiveInteger("maxMessageBytes", maxMessageBytes);
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Whether the bytes end in the middle of a text, once `next` has returned
   * `undefined`.
   */
  get inText(): boolean {
    return this.#state !== "between";
  }

  /** How many times bytes that are not UTF-8 have become U+FFFD. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Takes the next piece of the stream, of any size. */
  push(bytes: Uint8Array): void {
    if (this.#failure !== undefined || this.#isEnded) return;
    this.#append(this.#decoder.decode(bytes, { stream: true }), bytes);
  }

  /**
   * Returns the next whole text, or `undefined` when more bytes are needed.
   *
   * @throws {SyntaxError} if no text begins with the next character, or the bytes
   * end in the middle of a text.
   * @throws {RangeError} if a text is larger than `maxMessageBytes`, or nested
   * deeper than 1000 levels.
   */
  next(): string | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const text = this.#scan();
    if (text === undefined) return undefined;
    // A text of n characters has n to 3n bytes.
    const { length } = text, max = this.#maxMessageBytes;
    if (length > max || (3 * length > max && utf8Length(text) > max)) {
      throw this.#fail(this.#tooLarge());
    }
    return text;
  }

  /**
   * Ends the stream: no more bytes come. A number or a literal at the very end
   * is whole then; `next` throws for any other text that is not.
   */
  end(): void {
    if (this.#failure !== undefined || this.#isEnded) return;
    this.#append(this.#decoder.decode(), new Uint8Array(0));
    this.#isEnded = true;
  }

  #append(text: string, bytes: Uint8Array): void {
    if (text.includes("\ufffd")) {
      this.#replaced += replacedIn(text, this.#lastBytes, bytes);
    }
    for (const byte of bytes.subarray(-2)) {
      this.#lastBytes = (this.#lastBytes << 8 | byte) & 0xffff;
    }
    this.#piece = this.#at < this.#piece.length
      ? this.#piece.slice(this.#at) + text
      : text;
    this.#at = 0;
  }

  /** Returns the next text; at the end of the piece, keeps what has begun. */
  #scan(): string | undefined {
    const piece = this.#piece, { length } = piece;
    if (this.#state === "between") {
      this.#at = skipSpace(piece, this.#at);
      if (this.#at === length) return undefined;
      this.#begin(piece.charCodeAt(this.#at));
    }
    const end = this.#findEnd(piece, this.#at);
    if (end === -1) return this.#keep();
    const text = piece.slice(this.#at, end);
    this.#at = end;
    this.#state = "between";
    if (this.#begun === "") return text;
    const whole = this.#begun + text;
    this.#begun = "";
    return whole;
  }

  /** Enters the state that the first character of a text calls for. */
  #begin(first: number): void {
    this.#depth = 0;
    if (first === OPEN_BRACE || first === OPEN_BRACKET) this.#state = "nested";
    else if (first === QUOTE) this.#state = "string";
    else if (isInScalar(first) && isStartOfScalar(first)) {
      this.#state = "scalar";
    } else throw this.#fail(unexpected(first));
  }

  /** Where the text under way ends, or -1 if that is not in this piece. */
  #findEnd(piece: string, start: number): number {
    if (this.#state === "scalar") {
      let i = start;
      while (i < piece.length && isInScalar(piece.charCodeAt(i))) i++;
      return i < piece.length || this.#isEnded ? i : -1;
    }
    let i = start;
    if (this.#state === "string") {
      // The quote that begins it is in this piece, or was in an earlier one.
      if (this.#begun === "" && this.#depth === 0) i++;
      i = this.#endOfString(piece, i);
      if (i === -1) return -1;
      if (this.#depth === 0) return i;
      this.#state = "nested";
    }
    return this.#endOfNested(piece, i);
  }

  #endOfNested(piece: string, start: number): number {
    const { length } = piece;
    let depth = this.#depth;
    for (let i = start; i < length; i++) {
      switch (piece.charCodeAt(i)) {
        case QUOTE: {
          const quote = piece.indexOf('"', i + 1);
          if (quote !== -1 && piece.charCodeAt(quote - 1) !== BACKSLASH) {
            i = quote;
            break;
          }
          i = this.#endOfString(piece, i + 1) - 1;
          if (i < 0) {
            this.#depth = depth;
            this.#state = "string";
            return -1;
          }
          break;
        }
        case OPEN_BRACE:
        case OPEN_BRACKET:
          if (++depth > MAX_DEPTH) throw this.#fail(tooDeep());
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          if (--depth === 0) return i + 1;
      }
    }
    this.#depth = depth;
    return -1;
  }

  /** The index after the quote that ends a string, or -1. */
  #endOfString(piece: string, start: number): number {
    if (start === piece.length) return -1; // which escapes nothing
    const first = this.#isEscaped ? start + 1 : start;
    this.#isEscaped = false;
    let i = first;
    for (;;) {
      i = piece.indexOf('"', i);
      const end = i === -1 ? piece.length : i;
      let slash = end - 1;
      while (slash >= first && piece.charCodeAt(slash) === BACKSLASH) slash--;
      const isEscaped = (end - 1 - slash) % 2 === 1;
      if (i === -1) {
        this.#isEscaped = isEscaped;
        return -1;
      }
      i++;
      if (!isEscaped) return i;
    }
  }

  /** Keeps the beginning of a text until the next piece. */
  #keep(): undefined {
    this.#begun += this.#piece.slice(this.#at);
    this.#piece = "";
    this.#at = 0;
    // It has at least as many bytes as characters.
    if (this.#begun.length > this.#maxMessageBytes) {
      throw this.#fail(this.#tooLarge());
    }
    if (this.#isEnded) {
      throw this.#fail(
        new SyntaxError(
          `Cannot read JSON: the bytes end in the middle of a text, after ${this.#begun.length} characters of it`,
        ),
      );
    }
  }

  #tooLarge(): RangeError {
    return new RangeError(
      `Cannot read JSON: a text is larger than ${this.#maxMessageBytes} bytes`,
    );
  }

  #fail(error: Error): Error {
    this.#failure = error;
    this.#piece = this.#begun = "";
    this.#at = 0;
    return error;
  }
}

function skipSpace(text: string, start: number): number {
  let i = start;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const isSpace = c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09 ||
      c === BYTE_ORDER_MARK;
    if (!isSpace) break;
  }
  return i;
}

/** Whether a character can be in a number, or in true, false or null. */
function isInScalar(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || // a digit
    c === 0x2d || c === 0x2b || c === 0x2e || c === 0x45 || // - + . E
    (c >= 0x61 && c <= 0x75 && "aeflnrstu".includes(String.fromCharCode(c)));
}

function isStartOfScalar(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || c === 0x2d ||
    c === 0x74 || c === 0x66 || c === 0x6e; // t f n
}

/** How many bytes a text has in UTF-8. */
function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x80) continue;
    // Both halves of a pair together have four bytes.
    bytes += c < 0x800 || (c >= 0xd800 && c <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** How many of the U+FFFD in a text were put there for other bytes. */
function replacedIn(text: string, last: number, bytes: Uint8Array): number {
  let count = 0;
  for (const c of text) if (c === "\ufffd") count++;
  let window = last;
  for (const byte of bytes) {
    window = (window << 8 | byte) & 0xffffff;
    if (window === 0xefbfbd) count--; // U+FFFD itself
  }
  return count;
}

function tooDeep(): RangeError {
  return new RangeError(
    `Cannot read JSON: a text is nested deeper than ${MAX_DEPTH} levels`,
  );
}

function unexpected(c: number): SyntaxError {
  const shown = c > 0x20 && c < 0x7f
    ? JSON.stringify(String.fromCharCode(c))
    : `U+${c.toString(16).toUpperCase().padStart(4, "0")}`;
  return new SyntaxError(`Cannot read JSON: no text begins with ${shown}`);
}
