/**
 * Whole JSON texts out of bytes that arrive in any pieces, for connections on
 * which one text follows another with nothing between them.
 *
 * @module
 */

/**
 * How large one JSON text may be, in bytes, unless told otherwise. OpenSIPS
 * reads a SIP message into 65,535 bytes; escaped in full that is under 384 KiB,
 * so an event that carries one fits twice. And a thousand hostile peers that
 * each send an endless text cost 1 GiB together, not more.
 */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * How deep a text may be nested. cJSON, which OpenSIPS and many receivers read
 * with, refuses more (`CJSON_NESTING_LIMIT`); and what walks through a parsed
 * value, `JSON.stringify` among it, runs out of stack at some depth.
 */
export const MAX_DEPTH = 1000;

/** Options of {@linkcode JsonStream}. */
export interface JsonStreamOptions {
  /**
   * The largest text that is taken, in bytes.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number;
}

/** The largest buffer that is kept for the next incomplete text. */
const KEPT_BYTES = 64 * 1024;

const QUOTE = 0x22, BACKSLASH = 0x5c;

/** What a byte means outside of strings. */
const SPACE = 0, OPEN = 1, CLOSE = 2, STRING = 3, SCALAR = 4, PART = 5, BAD = 6;
const MEANING = new Uint8Array(256).fill(BAD);
for (const c of " \t\n\r") MEANING[c.charCodeAt(0)] = SPACE;
for (const c of "{[") MEANING[c.charCodeAt(0)] = OPEN;
for (const c of "}]") MEANING[c.charCodeAt(0)] = CLOSE;
for (const c of '"') MEANING[c.charCodeAt(0)] = STRING;
for (const c of "-0123456789tfn") MEANING[c.charCodeAt(0)] = SCALAR;
for (const c of "+.Eaelrsu") MEANING[c.charCodeAt(0)] = PART;

/**
 * Splits a stream of bytes into whole JSON texts.
 *
 * It finds the end of a text by its brackets and quotes and does not parse it:
 * that a text is JSON is for `JSON.parse` to say. Numbers and literals at the
 * top level end where something else begins. Texts need nothing between them;
 * white space is allowed. No byte is looked at twice, and an incomplete text is
 * copied, so bytes that were pushed may be reused.
 *
 * Feed it with {@linkcode JsonStream.push}, then take texts with
 * {@linkcode JsonStream.next} until there is none; at the end of the bytes,
 * call {@linkcode JsonStream.end} and take the last. What is wrong with the
 * bytes is thrown by `next`, after all texts before it, and then for good.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { JsonStream } from "./json_stream.ts";
 *
 * const stream = new JsonStream();
 * stream.push(new TextEncoder().encode('{"id":1,"result":true}{"id":2,'));
 * assertEquals(stream.next(), '{"id":1,"result":true}');
 * assertEquals(stream.next(), undefined); // more bytes are needed
 * ```
 */
export class JsonStream {
  readonly #maxMessageBytes: number;
  readonly #decoder = new TextDecoder("utf-8", {
    fatal: true,
    ignoreBOM: true, // "ignore" here means: not to swallow it
  });
  #texts: string[] = [];
  #taken = 0;
  #failure: Error | undefined;

  // The text under way: what it is, and what of it came in earlier pieces.
  #inText = false;
  #inScalar = false;
  #inString = false;
  #escaped = false;
  #depth = 0;
  #partial = new Uint8Array(0);
  #partialLength = 0;

  /**
   * Constructs a stream that has seen nothing.
   *
   * @throws {RangeError} if `maxMessageBytes` is not a positive integer.
   */
  constructor(options: JsonStreamOptions = {}) {
    const { maxMessageBytes = MAX_MESSAGE_BYTES } = options;
    if (!Number.isSafeInteger(maxMessageBytes) || maxMessageBytes < 1) {
      throw new RangeError(
        `Cannot limit messages to maxMessageBytes ${maxMessageBytes}: expected a positive integer`,
      );
    }
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether the bytes so far end in the middle of a text. */
  get inText(): boolean {
    return this.#inText;
  }

  /** Takes the next piece of the stream, of any size. */
  push(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    let start = 0; // of the text under way, within these bytes
    let inText = this.#inText, inScalar = this.#inScalar;
    let inString = this.#inString, escaped = this.#escaped;
    let depth = this.#depth;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) {
            inText = false;
            if (!this.#complete(bytes, start, i + 1)) return;
          }
        }
        continue;
      }
      const meaning = MEANING[byte];
      if (depth > 0) {
        if (meaning === STRING) inString = true;
        else if (meaning === OPEN) {
          if (++depth > MAX_DEPTH) return this.#fail(tooDeep());
        } else if (meaning === CLOSE && --depth === 0) {
          inText = false;
          if (!this.#complete(bytes, start, i + 1)) return;
        }
        continue;
      }
      if (inScalar) {
        if (meaning === SCALAR || meaning === PART) continue;
        inScalar = false;
        inText = false;
        if (!this.#complete(bytes, start, i)) return;
      }
      if (meaning === SPACE) continue;
      start = i;
      inText = true;
      if (meaning === OPEN) depth = 1;
      else if (meaning === STRING) inString = true;
      else if (meaning === SCALAR) inScalar = true;
      else return this.#fail(unexpected(byte));
    }
    this.#inText = inText;
    this.#inScalar = inScalar;
    this.#inString = inString;
    this.#escaped = escaped;
    this.#depth = depth;
    if (inText) this.#keep(bytes, start, bytes.length);
  }

  /**
   * Returns the next whole text, or `undefined` when more bytes are needed.
   *
   * @throws {SyntaxError} if the bytes are not JSON or not UTF-8, or end in the
   * middle of a text.
   * @throws {RangeError} if a text is larger than `maxMessageBytes`, or nested
   * deeper than 1000 levels.
   */
  next(): string | undefined {
    if (this.#taken < this.#texts.length) return this.#texts[this.#taken++];
    if (this.#taken > 0) {
      this.#texts = [];
      this.#taken = 0;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Says that no more bytes come. It completes a number or a literal at the
   * very end; any other text that is not whole becomes an error of `next`.
   */
  end(): void {
    if (!this.#inText || this.#failure !== undefined) return;
    const { length } = this.#partialBytes();
    if (this.#inScalar) {
      this.#inText = this.#inScalar = false;
      this.#complete(new Uint8Array(0), 0, 0);
      return;
    }
    this.#fail(
      new SyntaxError(
        `Cannot read JSON: the bytes end in the middle of a text, after ${length} bytes of it`,
      ),
    );
  }

  #partialBytes(): Uint8Array {
    return this.#partial.subarray(0, this.#partialLength);
  }

  /** Ends the text whose last bytes are given; false if it was refused. */
  #complete(bytes: Uint8Array, start: number, end: number): boolean {
    let text: Uint8Array;
    if (this.#partialLength > 0) {
      if (!this.#keep(bytes, start, end)) return false;
      text = this.#partialBytes();
      this.#partialLength = 0;
      // A connection that once saw a large text does not go on paying for it.
      if (this.#partial.length > KEPT_BYTES) this.#partial = new Uint8Array(0);
    } else if (end - start > this.#maxMessageBytes) {
      this.#fail(this.#tooLarge());
      return false;
    } else {
      text = bytes.subarray(start, end);
    }
    try {
      this.#texts.push(this.#decoder.decode(text));
      return true;
    } catch (cause) {
      this.#fail(
        new SyntaxError("Cannot read JSON: the bytes are not UTF-8", { cause }),
      );
      return false;
    }
  }

  /**
   * Copies part of a text to a buffer that grows by doubling; false if that
   * makes it too large.
   */
  #keep(bytes: Uint8Array, start: number, end: number): boolean {
    const length = this.#partialLength + end - start;
    if (length > this.#maxMessageBytes) {
      this.#fail(this.#tooLarge());
      return false;
    }
    if (length > this.#partial.length) {
      const size = Math.max(length, 2 * this.#partial.length, 1024);
      const grown = new Uint8Array(Math.min(size, this.#maxMessageBytes));
      grown.set(this.#partialBytes());
      this.#partial = grown;
    }
    if (end - start < 16) { // for so few, set() takes longer than a loop
      let at = this.#partialLength;
      for (let i = start; i < end; i++) this.#partial[at++] = bytes[i];
    } else {
      this.#partial.set(bytes.subarray(start, end), this.#partialLength);
    }
    this.#partialLength = length;
    return true;
  }

  #tooLarge(): RangeError {
    return new RangeError(
      `Cannot read JSON: a text is larger than ${this.#maxMessageBytes} bytes`,
    );
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#partial = new Uint8Array(0);
    this.#partialLength = 0;
  }
}

function tooDeep(): RangeError {
  return new RangeError(
    `Cannot read JSON: a text is nested deeper than ${MAX_DEPTH} levels`,
  );
}

function unexpected(byte: number): SyntaxError {
  const hex = `0x${byte.toString(16).padStart(2, "0")}`;
  const shown = byte > 0x20 && byte < 0x7f
    ? ` (${JSON.stringify(String.fromCharCode(byte))})`
    : "";
  return new SyntaxError(
    `Cannot read JSON: no text begins with the byte ${hex}${shown}`,
  );
}
