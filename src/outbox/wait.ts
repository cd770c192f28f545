/**
 * Waiting for what may change without being told.
 *
 * @module
 */

/** How long to wait at most: others may deliver from the store too. */
const LOOK_MS = 1000;

/** Waits for a change, for a while at most, or until `signal` is aborted. */
export async function change(
  changed: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => end = resolve);
  const timer = setTimeout(end, LOOK_MS);
  signal?.addEventListener("abort", end);
  await Promise.race([changed, ended]);
  clearTimeout(timer);
  signal?.removeEventListener("abort", end);
}
