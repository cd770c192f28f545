/**
 * The names of streams and subjects.
 *
 * @module
 */

/** The longest token; a file system takes names of 255 bytes. */
const MAX_TOKEN = 160;
/** How much of a longer one is kept, to be read by people. */
const READABLE = 90;

/** The durable consumer that all deliverers of a target share. */
export const CONSUMER = "deliver";

/**
 * Encodes a text as one token of a subject, and part of a stream's name: letters,
 * digits, `-` and `_` stay, all other bytes become `=` and two hexadecimal
 * digits. A long text is cut, and its hash added.
 */
export async function tokenOf(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  let token = "";
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    token += /[\w-]/.test(char) ? char : `=${hex(byte)}`;
  }
  if (token.length <= MAX_TOKEN) return token;
  return `${token.slice(0, READABLE)}=H${await hashOf(text)}`;
}

/** Returns a hash of a text as a token: 64 hexadecimal digits. */
export async function hashOf(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(hash), hex).join("");
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

/** What the streams of a target are for. */
export type StreamKind = "kept" | "aside";

/** The names that an outbox of this name uses. */
export class Names {
  readonly #name: string;

  /** `name` is one token. */
  constructor(name: string) {
    this.#name = name;
  }

  /** The stream of a target. */
  stream(kind: StreamKind, token: string): string {
    return `${this.#name}-${kind}-${token}`;
  }

  /** The subject of a target, by its token; `>` for those of all. */
  subject(kind: StreamKind, token: string): string {
    return `${this.#name}.${kind}.${token}`;
  }

  /** The stream of subscriptions and of attempts that failed. */
  get notes(): string {
    return `${this.#name}-notes`;
  }

  /** A subject of it. */
  note(kind: "subscription" | "attempt", ...tokens: string[]): string {
    return [this.#name, "notes", kind, ...tokens].join(".");
  }

  /** The stream of what receivers remember. */
  get keys(): string {
    return `${this.#name}-keys`;
  }

  /** A subject of it. */
  key(token: string): string {
    return `${this.#name}.keys.${token}`;
  }

  /** Where all deliverers are told of a new target, or a dropped event. */
  news(about: "target" | "dropped"): string {
    return `${this.#name}.news.${about}`;
  }
}

/** Where a message is to be acknowledged that nobody has. */
export function replyOf(
  stream: string,
  seq: number,
  consumerSeq: number,
): string {
  return `$JS.ACK.${stream}.${CONSUMER}.1.${seq}.${consumerSeq}.0.0`;
}

/** What is told of a message where it is to be acknowledged. */
export interface Delivery {
  /** Its number in the stream. */
  seq: number;
  /** How often it was delivered. */
  count: number;
}

/**
 * Reads where a message is to be acknowledged: `$JS.ACK.`, from 2.10 on also a
 * domain and the hash of an account, then stream, consumer, how often it was
 * delivered, its number in the stream, and more (NATS ADR-15).
 */
export function readReply(reply: string): Delivery {
  const tokens = reply.split(".");
  const start = tokens.length === 9 ? 4 : 6;
  return { count: Number(tokens[start]), seq: Number(tokens[start + 1]) };
}
