/**
 * Signals that abort deliveries.
 *
 * @module
 */

import type { Delivery, Watcher } from "./delivery.ts";

/** The deliveries that one signal aborts, and the listener on the signal. */
interface Listening {
  readonly deliveries: Set<Delivery>;
  readonly listener: () => void;
}

/** Aborts deliveries by signals, with one listener for each signal. */
export class Aborts implements Watcher {
  readonly #listening: Map<AbortSignal, Listening> = new Map();
  /** Signals whose listener may no longer be needed. */
  #maybeUnused: Set<AbortSignal> = new Set();
  readonly #abort: (deliveries: Delivery[], reason: unknown) => void;

  /** When a signal is aborted, calls `abort` with the signal's deliveries. */
  constructor(abort: (deliveries: Delivery[], reason: unknown) => void) {
    this.#abort = abort;
  }

  /** Aborts the delivery when its signal is aborted, unless it is settled then. */
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
    if (listening?.deliveries.size === 0) this.#maybeUnused.add(signal!);
  }

  /** Removes listeners that are no longer needed. */
  stopListening(): void {
    if (this.#maybeUnused.size === 0) return;
    const signals = this.#maybeUnused;
    this.#maybeUnused = new Set(); // first: the rest may run code of the caller
    for (const signal of signals) {
      const listening = this.#listening.get(signal);
      if (listening === undefined || listening.deliveries.size > 0) continue;
      this.#listening.delete(signal);
      signal.removeEventListener("abort", listening.listener);
    }
  }
}
