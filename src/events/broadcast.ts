/**
 * An event on its way to all of its subscribers.
 *
 * @module
 */

import { type Delivery, FAILED } from "../client/delivery.ts";
import { MAX_SOCKETS } from "../protocol/virtual_socket.ts";
import type { Failures } from "./failures.ts";
import type { DeliveryReport } from "./report.ts";
import type { VirtualDelivery } from "./virtual_delivery.ts";

/**
 * A delivery of an event to one subscriber. Events that were sent together have
 * the same one, and so the same fate.
 */
export type Fate = Delivery | VirtualDelivery;

/** A subscriber of one event, for all the times that the event is raised. */
export interface Recipient {
  readonly socket: string;
  /** Whether the event goes there as a request. */
  readonly isRequest: boolean;
  /** Sends the event; if it shares the fate of others, returns the same one. */
  send(params: string): Fate;
  /** Reports the outcome of a fate that is settled. */
  report(fate: Fate): DeliveryReport;
  /** The turn of the event loop has ended in which events were sent. */
  endTurn(): void;
}

/**
 * How many broadcasts may be open at once for an audience: the events of a
 * `ROUND-ROBIN` alternate between as many as it has servers.
 */
const MAX_OPEN = MAX_SOCKETS;

/** All that get an event, at the time when it is raised. */
export class Audience {
  readonly #event: string;
  readonly #recipients: readonly Recipient[];
  readonly #turn: Turn;
  readonly #failures: Failures;
  /** Requests are not joined; each has a result of its own. */
  readonly #mayShare: boolean;
  /** The broadcasts that events of this turn may join, the newest last. */
  #open: Broadcast[] = [];
  /** Whether events have been raised in this turn. */
  #isInTurn = false;
  /** The fates of the event that is being raised. */
  readonly #fates: Fate[] = [];

  /** Constructs the audience of an event; reports are in the order given. */
  constructor(
    event: string,
    recipients: readonly Recipient[],
    { turn, failures }: { turn: Turn; failures: Failures },
  ) {
    this.#event = event;
    this.#recipients = recipients;
    this.#turn = turn;
    this.#failures = failures;
    this.#mayShare = recipients.every(({ isRequest }) => !isRequest);
  }

  /** How many they are. */
  get size(): number {
    return this.#recipients.length;
  }

  /**
   * Raises the event. Events that have the same fate at each recipient share one
   * broadcast: to make one for each takes more time than to send it.
   * `failureChain` are the failures that led to it: see {@linkcode Failures}.
   */
  raise(params: string, failureChain: readonly string[]): Broadcast {
    const recipients = this.#recipients;
    const fates = this.#mayShare ? this.#fates : [];
    if (this.#mayShare && !this.#isInTurn) {
      this.#isInTurn = true;
      this.#turn.add(this);
    }
    for (let i = 0; i < recipients.length; i++) {
      fates[i] = recipients[i]!.send(params);
    }
    if (!this.#mayShare) return this.#broadcast(fates, failureChain, false);
    const all = this.#open;
    for (let i = all.length - 1; i >= 0; i--) {
      const open = all[i]!;
      if (open.isAlike(fates, failureChain)) {
        open.count++;
        return open;
      }
    }
    const broadcast = this.#broadcast(fates.slice(), failureChain, true);
    all.push(broadcast);
    if (all.length > MAX_OPEN) all.shift()!.seal();
    return broadcast;
  }

  /** Ends the turn: nothing more joins the broadcasts of it. */
  endTurn(): void {
    const open = this.#open;
    this.#isInTurn = false;
    this.#open = [];
    this.#fates.length = 0;
    for (const recipient of this.#recipients) recipient.endTurn();
    for (const broadcast of open) broadcast.seal();
  }

  #broadcast(
    fates: Fate[],
    failureChain: readonly string[],
    isOpen: boolean,
  ): Broadcast {
    return new Broadcast(this.#event, this.#recipients, {
      fates,
      failureChain,
      failures: this.#failures,
      isOpen,
    });
  }
}

/** The turn of the event loop in which events are raised. */
export class Turn {
  #audiences: Audience[] = [];

  /** Takes an audience that is to know of the turn's end. */
  add(audience: Audience): void {
    this.#audiences.push(audience);
    if (this.#audiences.length === 1) Promise.resolve().then(() => this.#end());
  }

  #end(): void {
    const audiences = this.#audiences;
    this.#audiences = [];
    for (const audience of audiences) audience.endTurn();
  }
}

/** Options of {@linkcode Broadcast}. */
interface BroadcastOptions {
  /** One for each recipient, of which several may be the same. */
  readonly fates: readonly Fate[];
  /** See {@linkcode Failures.chain}. */
  readonly failureChain: readonly string[];
  /** Where failures are told. */
  readonly failures: Failures;
  /** Whether events may join it. */
  readonly isOpen: boolean;
}

/**
 * An event that was raised: or several, which have the same fate at every
 * recipient, so that their reports are the same.
 *
 * | state | meaning | next |
 * |---|---|---|
 * | open | events of this turn may join; failures are told later | sealed |
 * | sealed | it waits for its fates | done |
 * | done | all is settled, and the promise resolved | |
 */
export class Broadcast {
  /** How many events it is. */
  count = 1;
  /** Resolves when it is done, to a report for each recipient. */
  readonly promise: Promise<readonly DeliveryReport[]>;
  #resolve!: (reports: readonly DeliveryReport[]) => void;
  readonly #event: string;
  readonly #recipients: readonly Recipient[];
  readonly #fates: readonly Fate[];
  readonly #failureChain: readonly string[];
  readonly #failures: Failures;
  readonly #reports: DeliveryReport[];
  #isOpen: boolean;
  /** How many fates are not settled; one that stands in a row counts once. */
  #left = 0;
  /** The failures that are not told yet, while it is open. */
  #untold: DeliveryReport[] = [];

  constructor(
    event: string,
    recipients: readonly Recipient[],
    options: BroadcastOptions,
  ) {
    const { fates } = options;
    this.#event = event;
    this.#recipients = recipients;
    this.#fates = fates;
    this.#failureChain = options.failureChain;
    this.#failures = options.failures;
    this.#isOpen = options.isOpen;
    this.#reports = new Array(recipients.length);
    this.promise = new Promise((resolve) => this.#resolve = resolve);
    let last: Fate | undefined;
    this.#left = 1; // so that it is not done before all are watched
    for (const fate of fates) {
      if (fate === last) continue;
      this.#left++;
      fate.watch(this);
      last = fate;
    }
    this.#finishOne();
  }

  /** Whether an event that has these fates shares all of them. */
  isAlike(fates: readonly Fate[], failureChain: readonly string[]): boolean {
    const own = this.#fates;
    for (let i = 0; i < own.length; i++) {
      if (fates[i] !== own[i]) return false;
    }
    return failureChain === this.#failureChain;
  }

  /** Lets nothing more join. */
  seal(): void {
    this.#isOpen = false;
    for (const report of this.#untold) this.#tell(report);
    this.#untold = [];
    if (this.#left === 0) this.#finish();
  }

  /** A fate is settled; it runs no code of the caller. */
  settled(fate: Fate): void {
    if (fate.state === FAILED || fate.state === "failed") this.#failed(fate);
    this.#finishOne();
  }

  /** Reports the failure of all recipients that share this fate. */
  #failed(fate: Fate): void {
    const fates = this.#fates;
    for (let i = fates.indexOf(fate); i < fates.length; i++) {
      // Of a fate that stands in several rows, the first has done so for all.
      if (fates[i] !== fate || this.#reports[i] !== undefined) continue;
      const report = this.#recipients[i]!.report(fate);
      this.#reports[i] = report;
      if (this.#isOpen) this.#untold.push(report);
      else this.#tell(report);
    }
  }

  #tell(report: DeliveryReport): void {
    this.#failures.add({
      event: this.#event,
      count: this.count,
      report,
      chain: this.#failureChain,
    });
  }

  #finishOne(): void {
    if (--this.#left === 0 && !this.#isOpen) this.#finish();
  }

  #finish(): void {
    const fates = this.#fates;
    for (let i = 0; i < fates.length; i++) {
      this.#reports[i] ??= this.#recipients[i]!.report(fates[i]!);
    }
    this.#resolve(this.#reports);
  }
}
