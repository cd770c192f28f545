/**
 * Waiting for the next turn of the event loop.
 *
 * @module
 */

/**
 * Resolves in a later turn of the event loop, after pending reads have got the
 * bytes that had already arrived.
 *
 * It uses a timer: before a timer rings, the runtime looks at the network. With
 * `setImmediate`, many turns pass in Deno before the runtime does so.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
