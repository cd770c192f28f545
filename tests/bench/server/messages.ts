// Where messages end in bytes, for messages of any length. It must be fast: the
// server is not to be what is measured. So it does not read JSON: between two
// messages stands a bracket that closes and the byte that every message begins
// with, or a line feed. Inside of a JSON text two such bytes stand side by side
// only in a string, and the events of the benchmark have no such string.

const OPEN = 0x7b, CLOSE = 0x7d, QUOTE = 0x22, BACKSLASH = 0x5c, LF = 0x0a;
/** The shortest message is longer. */
const MIN_MESSAGE_BYTES = 32;

/** Where the object ends that begins at the first bracket, or -1. */
function endOfObject(bytes: Uint8Array, from: number): number {
  let i = bytes.indexOf(OPEN, from), depth = 0;
  if (i === -1) return -1;
  for (; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === OPEN) depth++;
    else if (byte === CLOSE && --depth === 0) return i + 1;
    else if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) {
        if (bytes[i] === BACKSLASH) i++;
      }
    }
  }
  return -1;
}

/** Finds the messages of one connection. */
export class Messages {
  /** Where the messages end that were found last. */
  readonly ends: Int32Array;
  /** Whether a line feed follows each message; known from the first one. */
  hasLines = false;
  /** The byte after a closing bracket that tells that a message ends there. */
  #next = 0;
  /** The first byte of the first message, if that came alone; else 0. */
  #first = 0;

  /** At most so many bytes are looked at in one go. */
  constructor(maxBytes: number) {
    this.ends = new Int32Array(Math.ceil(maxBytes / MIN_MESSAGE_BYTES));
  }

  /** Finds all whole messages in bytes that begin with one; returns how many. */
  find(bytes: Uint8Array): number {
    if (this.#next === 0 && !this.#learn(bytes)) return this.#firstAlone(bytes);
    const { length } = bytes, { ends } = this, next = this.#next;
    const more = this.hasLines ? 2 : 1; // of a pair, what belongs to the message
    let count = 0;
    // Of two bytes side by side one has an odd index.
    for (let i = 1; i < length; i += 2) {
      const byte = bytes[i];
      if (byte === CLOSE) {
        if (i + 1 < length && bytes[i + 1] === next) ends[count++] = i + more;
      } else if (byte === next && bytes[i - 1] === CLOSE) {
        ends[count++] = i - 1 + more;
      }
    }
    // No other message may have followed the last one yet.
    const last = count === 0 ? 0 : ends[count - 1];
    if (
      last < length && bytes[length - 1] === CLOSE && !this.hasLines &&
      endOfObject(bytes, last) === length
    ) ends[count++] = length;
    return count;
  }

  /** Learns the framing, once there is a byte behind the first message. */
  #learn(bytes: Uint8Array): boolean {
    const end = this.#first === 0 ? endOfObject(bytes, 0) : 0;
    if (end === -1 || end === bytes.length) return false;
    this.hasLines = bytes[end] === LF;
    this.#next = this.hasLines ? LF : this.#first || bytes[0];
    return true;
  }

  /** The first message, which may have to be answered before another comes. */
  #firstAlone(bytes: Uint8Array): number {
    if (endOfObject(bytes, 0) === -1) return 0;
    this.#first = bytes[0];
    this.ends[0] = bytes.length;
    return 1;
  }
}
