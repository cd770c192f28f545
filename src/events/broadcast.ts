/**
 * What becomes of a raised event at each of its subscribers.
 *
 * @module
 */

import { DELIVERED, type Delivery, type Watcher } from "../client/delivery.ts";
import type { JsonText, JsonValue } from "../protocol/json.ts";
import type { MessageHead } from "../protocol/message.ts";

/** What became of an event at one subscriber. */
export interface DeliveryReport {
  /** The subscriber's socket. */
  readonly socket: string;
  /** Whether it was delivered; in sync mode: confirmed. */
  readonly delivered: boolean;
  /** The server's result, in sync mode; of `PARALLEL`, all of them. */
  readonly result?: JsonValue | JsonText;
  /** Why it was not delivered: what `EventClient.raise` rejects with. */
  readonly error?: Error;
  /** Of a virtual socket, the one that delivered it; `PARALLEL` has none. */
  readonly via?: string;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** Who is to be told of a raised event. */
export interface Recipient {
  readonly socket: string;
  /** Unless the socket is a virtual one, that of its messages. */
  readonly head: MessageHead;
}

/**
 * An event that was raised: or several, of which each was delivered together
 * with the one before at every subscriber, so that all that is to be told of
 * them is the same.
 */
export class Raising implements Watcher {
  /** How many events it is. */
  count = 1;
  /** Resolves when all is done, to a report for each recipient. */
  readonly promise: Promise<readonly DeliveryReport[]>;
  #resolve!: (reports: readonly DeliveryReport[]) => void;
  readonly #reports: DeliveryReport[];
  #left: number;
  #lastFailed = -1;

  readonly recipients: readonly Recipient[];
  /** One for each recipient, of which several may be the same. */
  readonly deliveries: readonly (Delivery | undefined)[];
  readonly cascade: readonly string[];
  readonly #onFailed: (raising: Raising, report: DeliveryReport) => void;

  /**
   * Constructs it and watches the deliveries; a recipient that has none is to
   * be reported. `onFailed` is called before the promise resolves.
   */
  constructor(
    recipients: readonly Recipient[],
    deliveries: readonly (Delivery | undefined)[],
    cascade: readonly string[],
    onFailed: (raising: Raising, report: DeliveryReport) => void,
  ) {
    this.recipients = recipients;
    this.deliveries = deliveries;
    this.cascade = cascade;
    this.#onFailed = onFailed;
    this.promise = new Promise((resolve) => this.#resolve = resolve);
    this.#reports = new Array(recipients.length);
    this.#left = recipients.length;
    for (const delivery of deliveries) delivery?.watch(this);
  }

  /** See {@linkcode Watcher}; called for each recipient. */
  settled(delivery: Delivery): void {
    if (delivery.state === DELIVERED) return this.#finishOne();
    const index = this.#indexOf(delivery);
    const { socket, head } = this.recipients[index];
    const report = this.#reports[index] = {
      socket,
      delivered: false,
      error: delivery.errorFor(head) as Error,
      ms: delivery.ms,
    };
    // Not now: listeners run code of the caller.
    Promise.resolve().then(() => this.report(index, report));
  }

  /**
   * The next recipient of a delivery, which tells of each of them in a row. Most
   * deliveries fail in their order, so that there is little to look through.
   */
  #indexOf(delivery: Delivery): number {
    const { deliveries } = this;
    const next = deliveries.indexOf(delivery, this.#lastFailed + 1);
    this.#lastFailed = next === -1 ? deliveries.indexOf(delivery) : next;
    return this.#lastFailed;
  }

  /** Takes the report of a recipient. */
  report(index: number, report: DeliveryReport): void {
    this.#reports[index] = report;
    if (!report.delivered) this.#onFailed(this, report);
    this.#finishOne();
  }

  #finishOne(): void {
    if (--this.#left > 0) return;
    for (let i = 0; i < this.recipients.length; i++) {
      this.#reports[i] ??= succeeded(this.recipients[i], this.deliveries[i]!);
    }
    this.#resolve(this.#reports);
  }
}

function succeeded(
  { socket }: Recipient,
  { result, ms }: Delivery,
): DeliveryReport {
  return result === undefined
    ? { socket, delivered: true, ms }
    : { socket, delivered: true, result, ms };
}
