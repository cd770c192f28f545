/**
 * Signals that abort deliveries.
 *
 * @module
 */

import type { Delivery, Watcher } from "./delivery.ts";

/** The deliveries of one signal, and the listener on it. */
interface Listening {
  readonly deliveries: Set<Delivery>;
  readonly listener: () => void;
}

/** Keeps one listener on each signal, however many deliveries it aborts. */
export class Aborts implements Watcher {
  readonly #listening: Map<AbortSignal, Listening> = new Map();
  /** Signals that may have no delivery left. */
  #doubtful: Set<AbortSignal> = new Set();
  readonly #abort: (deliveries: Delivery[], reason: unknown) => void;

  /** `abort` is called with the deliveries of a signal that is aborted. */
  constructor(abort: (deliveries: Delivery[], reason: unknown) => void) {
    this.#abort = abort;
  }

  /** Has a delivery aborted by its signal, until it is settled. */
  listen(delivery: Delivery, signal: AbortSignal): void {
    if (delivery.isSettled) return;
    if (signal.aborted) return this.#abort([delivery], signal.reason);
    let listening = this.#listening.get(signal);
    if (listening === undefined) {
      const deliveries = new Set<Delivery>();
      const listener = () => this.#abort([...deliveries], signal.reason);
      this.#listening.set(signal, listening = { deliveries, listener });
      signal.addEventListener("abort", listener);
    }
    listening.deliveries.add(delivery);
    delivery.watch(this);
  }

  /** See {@linkcode Watcher}. */
  settled(delivery: Delivery): void {
    const { signal } = delivery.options;
    const listening = this.#listening.get(signal!);
    listening?.deliveries.delete(delivery);
    if (listening?.deliveries.size === 0) this.#doubtful.add(signal!);
  }

  /** Takes the listeners off that are not needed any more. */
  stopListening(): void {
    if (this.#doubtful.size === 0) return;
    const signals = this.#doubtful;
    this.#doubtful = new Set(); // first: what follows may run code of the caller
    for (const signal of signals) {
      const listening = this.#listening.get(signal);
      if (listening === undefined || listening.deliveries.size > 0) continue;
      this.#listening.delete(signal);
      signal.removeEventListener("abort", listening.listener);
    }
  }
}
