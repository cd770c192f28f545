/**
 * A kept event as the message that a stream holds: a line of JSON about it, then
 * its params as they were given.
 *
 * @module
 */

import type { KeptEvent } from "./store.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a message holds: an event without a place. */
export type Body = Omit<KeptEvent, "id"> & {
  /** Its id, if it had one in another stream. */
  readonly id?: string | undefined;
};

/** Encodes an event. */
export function encodeBody({ params, ...about }: Body): Uint8Array {
  return encoder.encode(`${JSON.stringify(about)}\n${params}`);
}

/**
 * Decodes an event. What nobody encoded becomes one that is refused, so that it
 * is seen.
 */
export function decodeBody(bytes: Uint8Array, target: string): Body {
  const text = decoder.decode(bytes);
  const end = text.indexOf("\n");
  try {
    const about = JSON.parse(text.slice(0, end)) as Body;
    if (typeof about.event !== "string" || typeof about.target !== "string") {
      throw new TypeError("It is something else");
    }
    return { ...about, params: text.slice(end + 1) };
  } catch {
    return {
      target,
      event: "?",
      params: JSON.stringify([text]),
      key: "?",
      raisedAt: 0,
      since: 0,
      attempts: 0,
      refusal: { message: "It is not an event of an outbox" },
    };
  }
}
