/** Times in which a server is not reached. */

import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  ProtocolError,
  ServerError,
} from "../../mod.ts";

/** From the first event that does not reach its server to one that does. */
export class Outage {
  #since: number | undefined;
  #failed = 0;
  #wasConnected = true;

  /** Notes that `count` events failed at the time `now`, in milliseconds. */
  failed(error: unknown, count: number, now: number): void {
    if (!(error instanceof DeliveryError)) return;
    // A server that responds is there.
    if (error instanceof ServerError || error instanceof ProtocolError) return;
    this.#since ??= now;
    this.#failed += count;
    if (isDisconnected(error)) this.#wasConnected = false;
  }

  /** Notes that an event was delivered. Returns a message if an outage ends. */
  succeeded(now: number): string | undefined {
    if (this.#since === undefined) return undefined;
    const seconds = ((now - this.#since) / 1000).toFixed(1);
    const again = this.#wasConnected ? "delivered again" : "connected again";
    const failed = this.#failed;
    this.#since = undefined;
    this.#failed = 0;
    this.#wasConnected = true;
    return `${again} after ${seconds} s, ${failed} ${
      failed === 1 ? "event" : "events"
    } failed meanwhile`;
  }
}

function isDisconnected(error: Error): boolean {
  const errors = error.cause instanceof AggregateError
    ? error.cause.errors
    : [error];
  return errors.some((error) =>
    error instanceof ConnectError || error instanceof ConnectionClosedError
  );
}
