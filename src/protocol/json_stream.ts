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

/** What a byte means outside of strings; those that nest come first. */
const STRING = 0, OPEN = 1, CLOSE = 2, SPACE = 3, SCALAR = 4, PART = 5, BAD = 6;
const MEANING = new Uint8Array(256).fill(BAD);
for (const c of '"') MEANING[c.charCodeAt(0)] = STRING;
for (const c of "{[") MEANING[c.charCodeAt(0)] = OPEN;
for (const c of "}]") MEANING[c.charCodeAt(0)] = CLOSE;
for (const c of " \t\n\r") MEANING[c.charCodeAt(0)] = SPACE;
for (const c of "-0123456789tfn") MEANING[c.charCodeAt(0)] = SCALAR;
for (const c of "+.Eaelrsu") MEANING[c.charCodeAt(0)] = PART;

/** Where the next byte stands. */
const BETWEEN = 0, IN_SCALAR = 1, IN_NESTED = 2, IN_STRING = 3, ESCAPED = 4;

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
  readonly #decoder = new TextDecoder("utf-8", {
    fatal: true,
    ignoreBOM: true, // "ignore" here means: not to swallow it
  });
  #texts: string[] = [];
  #taken = 0;
  #failure: Error | undefined;

  // The text under way: where in it we are, and what of it came in earlier
  // pieces.
  #mode = BETWEEN;
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
    return this.#mode !== BETWEEN;
  }

  /** Takes the next piece of the stream, of any size. */
  push(bytes: Uint8Array): void {
    this.#push(bytes, false);
  }

  /**
   * Takes the next piece of the stream up to the end of a text, of which some
   * has been pushed before; returns how many of the bytes that is.
   */
  pushText(bytes: Uint8Array): number {
    return this.#push(bytes, true);
  }

  #push(bytes: Uint8Array, untilText: boolean): number {
    const { length } = bytes;
    if (this.#failure !== undefined) return length;
    let ends: number[] | undefined; // of whole texts, each after its start
    let start = 0; // of the text under way, within these bytes
    let mode = this.#mode, depth = this.#depth;
    let failure: Error | undefined;
    let i = 0;
    while (i < length && !(untilText && ends !== undefined)) {
      if (mode === IN_STRING) {
        let byte: number;
        do byte = bytes[i++]; while (
          byte !== QUOTE && byte !== BACKSLASH && i < length
        );
        if (byte === BACKSLASH) {
          if (i < length) i++;
          else mode = ESCAPED;
        } else if (byte === QUOTE) {
          if (depth > 0) {
            mode = IN_NESTED;
          } else {
            mode = BETWEEN;
            (ends ??= []).push(start, i);
          }
        }
      } else if (mode === IN_NESTED) {
        let meaning: number;
        do meaning = MEANING[bytes[i++]]; while (meaning > CLOSE && i < length);
        if (meaning === STRING) {
          mode = IN_STRING;
        } else if (meaning === OPEN) {
          if (++depth > MAX_DEPTH) {
            failure = tooDeep();
            break;
          }
        } else if (meaning === CLOSE && --depth === 0) {
          mode = BETWEEN;
          (ends ??= []).push(start, i);
        }
      } else if (mode === ESCAPED) {
        i++;
        mode = IN_STRING;
      } else {
        const meaning = MEANING[bytes[i]];
        if (mode === IN_SCALAR) {
          if (meaning === SCALAR || meaning === PART) {
            i++;
            continue;
          }
          mode = BETWEEN;
          (ends ??= []).push(start, i);
        }
        if (meaning !== SPACE) {
          start = i;
          if (meaning === OPEN) {
            mode = IN_NESTED;
            depth = 1;
          } else if (meaning === STRING) {
            mode = IN_STRING;
          } else if (meaning === SCALAR) {
            mode = IN_SCALAR;
          } else {
            failure = unexpected(bytes[i]);
            break;
          }
        }
        i++;
      }
    }
    this.#mode = mode;
    this.#depth = depth;
    if (ends !== undefined && !this.#complete(bytes, ends)) return length;
    if (failure !== undefined) this.#fail(failure);
    else if (mode !== BETWEEN) this.#keep(bytes, start, i);
    return i;
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
    if (this.#mode === BETWEEN || this.#failure !== undefined) return;
    if (this.#mode === IN_SCALAR) {
      this.#mode = BETWEEN;
      this.#complete(new Uint8Array(0), [0, 0]);
      return;
    }
    this.#fail(
      new SyntaxError(
        `Cannot read JSON: the bytes end in the middle of a text, after ${this.#partialLength} bytes of it`,
      ),
    );
  }

  #partialBytes(): Uint8Array {
    return this.#partial.subarray(0, this.#partialLength);
  }

  /**
   * Takes whole texts, given as the start and the end of each; false if one was
   * refused. The first begins with what earlier pieces had of it.
   */
  #complete(bytes: Uint8Array, ends: number[]): boolean {
    let first = 0;
    if (this.#partialLength > 0) {
      first = 2;
      if (!this.#keep(bytes, ends[0], ends[1])) return false;
      const text = this.#partialBytes();
      this.#partialLength = 0;
      // A connection that once saw a large text does not go on paying for it.
      if (this.#partial.length > KEPT_BYTES) this.#partial = new Uint8Array(0);
      if (!this.#decode(text)) return false;
    }
    let end = first;
    while (
      end < ends.length && ends[end + 1] - ends[end] <= this.#maxMessageBytes
    ) end += 2;
    if (!this.#decodeAtOnce(bytes, ends, first, end)) {
      for (let n = first; n < end; n += 2) {
        if (!this.#decode(bytes.subarray(ends[n], ends[n + 1]))) return false;
      }
    }
    if (end === ends.length) return true;
    this.#fail(this.#tooLarge());
    return false;
  }

  /**
   * Decodes texts by one call, as for a small text the call is what takes long:
   * 60 ns each against 470. It can be done if all is ASCII, so that an index
   * into the bytes is one into the text; false if not.
   */
  #decodeAtOnce(
    bytes: Uint8Array,
    ends: number[],
    first: number,
    end: number,
  ): boolean {
    if (end - first <= 2) return false;
    const from = ends[first], to = ends[end - 1];
    let all: string;
    try {
      all = this.#decoder.decode(bytes.subarray(from, to));
    } catch {
      return false; // one by one, to see which it is
    }
    if (all.length !== to - from) return false;
    for (let n = first; n < end; n += 2) {
      this.#texts.push(all.slice(ends[n] - from, ends[n + 1] - from));
    }
    return true;
  }

  #decode(text: Uint8Array): boolean {
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
