/**
 * Whether a TLS server refuses the client, once the connection is open.
 *
 * @module
 */

/**
 * Under TLS 1.3 a server judges the client's certificate, or the lack of one,
 * when for the client the handshake is over. It has this long to refuse it, in
 * milliseconds, beside as long as the handshake took, at most so long: each
 * connection pays for it. If it takes longer, what was written meanwhile is lost.
 */
const REFUSAL_MS = 10, MAX_HANDSHAKE_MS = 200;

/**
 * Waits as long as a refusal may take. It rejects if `first` does, and returns
 * early if `first` resolves: then the server has sent something else.
 */
export async function waitForRefusal(
  first: Promise<unknown>,
  handshakeMs: number,
): Promise<void> {
  const ms = Math.min(handshakeMs, MAX_HANDSHAKE_MS) + REFUSAL_MS;
  const signal = AbortSignal.timeout(Math.ceil(ms));
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    first.then(() => resolve(), reject);
  });
}
