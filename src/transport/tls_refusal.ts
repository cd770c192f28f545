/**
 * Waiting for a TLS server to refuse the client.
 *
 * With TLS 1.3 a server checks the client's certificate, or the lack of one, when
 * the handshake is already over for the client. Bytes that were written before a
 * refusal arrives are lost. So a new connection is used only after a short wait.
 *
 * @module
 */

/**
 * How long to wait, in milliseconds: `REFUSAL_MS`, plus the time that the handshake
 * took, but no more than `MAX_HANDSHAKE_MS`. Each new TLS connection waits.
 */
const REFUSAL_MS = 10, MAX_HANDSHAKE_MS = 200;

/**
 * Waits as long as a refusal may take. `first` is the first read: if it rejects,
 * this rejects with the same error; if it resolves, this resolves at once, as the
 * server has sent something else.
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
