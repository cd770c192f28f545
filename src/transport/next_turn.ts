/**
 * The next turn of the event loop.
 *
 * @module
 */

/**
 * Resolves in a later turn of the event loop, once the network has been asked for
 * what is ready, and those that wait for it have got it.
 *
 * A timer does that: before it rings, the runtime has to wait for the network
 * too. `setImmediate` does not: in Deno some 60 of them pass before the network is
 * asked.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
