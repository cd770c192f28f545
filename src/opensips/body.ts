/**
 * Reading what came by HTTP, with a bound.
 *
 * @module
 */

/**
 * Reads a body as UTF-8. Bytes that are not UTF-8 become U+FFFD: OpenSIPS copies
 * them from SIP headers. Resolves to `undefined` if there are more than `max`
 * bytes, and reads no further then. Rejects if the body does not come in full.
 */
export async function readBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  max: number,
): Promise<string | undefined> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const piece of body ?? []) {
    length += piece.length;
    if (length > max) return undefined; // which cancels the stream
    pieces.push(piece);
  }
  return await new Blob(pieces).text();
}
