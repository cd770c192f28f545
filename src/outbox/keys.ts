/**
 * The names that a store keeps: those of events, and their keys.
 *
 * @module
 */

import { quote } from "../protocol/errors.ts";

/** Draws keys: a random beginning for the process, and a number. */
export class KeySource {
  /** 80 bits, nearly all of them random. */
  readonly #start = crypto.randomUUID().replaceAll("-", "").slice(0, 20);
  #count = 0;

  next(): string {
    return `${this.#start}-${(++this.#count).toString(36)}`;
  }
}

/** Throws a TypeError unless a store can keep the name. */
export function checkEvent(event: unknown): void {
  if (
    typeof event !== "string" || event === "" || event.includes("\0") ||
    !event.isWellFormed()
  ) {
    throw new TypeError(
      `Cannot raise event ${
        quote(String(event))
      }: expected a non-empty text of Unicode characters, without NUL`,
    );
  }
}

/** Throws a TypeError unless a store, and a header of one, can keep the key. */
export function checkKey(key: unknown): void {
  if (
    typeof key !== "string" || key === "" || key.length > 256 ||
    /\p{Cc}/u.test(key) || !key.isWellFormed()
  ) {
    throw new TypeError(
      `Cannot use key ${
        quote(String(key))
      }: expected 1 to 256 characters, none of them a control character`,
    );
  }
}
