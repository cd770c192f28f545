/**
 * Events on their way to a virtual socket.
 *
 * @module
 */

import {
  DELIVERED,
  type Delivery,
  FAILED,
  type Result,
  type Watcher,
} from "../client/delivery.ts";
import { JsonText, type JsonValue } from "../protocol/json.ts";
import type { MessageHead } from "../protocol/message.ts";
import type { Policy } from "../protocol/virtual_socket.ts";
import {
  type Attempt,
  chooseSocket,
  failureOf,
  noteOutcome,
  type VirtualState,
} from "./failover.ts";
import { type DeliveryReport, outcomeOf, toError } from "./report.ts";

/** One socket of a virtual socket, for the messages of one event. */
export interface Outlet {
  /** The socket as text. */
  readonly socket: string;
  readonly head: MessageHead;
  /** Sends an event, or a batch of them that has one fate. */
  send(params: string | readonly string[]): Delivery;
}

/** Options of {@linkcode VirtualRecipient}. */
export interface VirtualRecipientOptions {
  readonly policy: Policy;
  /** The state of the servers; all users of the same socket share it. */
  readonly state: VirtualState;
  /** Makes the outlet of the socket that has this index. */
  readonly outletOf: (index: number) => Outlet;
  readonly isRequest: boolean;
  readonly failoverTimeoutMs: number;
  /** The caller's own signal: an event that it aborts goes to no other server. */
  readonly signal?: AbortSignal | undefined;
  /** Takes the deliveries that are under way. */
  readonly underWay: Pick<Set<VirtualDelivery>, "add" | "delete">;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

const NO_ATTEMPTS: readonly Attempt[] = [];

/** A virtual socket that gets one event, however often that is raised. */
export class VirtualRecipient {
  readonly socket: string;
  readonly options: VirtualRecipientOptions;
  readonly #outlets: (Outlet | undefined)[];
  /** The deliveries that events of this turn may join, by their first server. */
  #open: (VirtualDelivery | undefined)[] = [];

  /** Constructs it; `socket` is the text of the virtual socket. */
  constructor(socket: string, options: VirtualRecipientOptions) {
    this.socket = socket;
    this.options = options;
    this.#outlets = Array(options.state.cooldownUntil.length).fill(undefined);
  }

  get isRequest(): boolean {
    return this.options.isRequest;
  }

  /** The socket that has this index. */
  outlet(index: number): Outlet {
    return this.#outlets[index] ??= this.options.outletOf(index);
  }

  /**
   * Sends an event. Events of one turn that are in the same batches share one
   * delivery.
   */
  send(params: string): VirtualDelivery {
    const { policy, state } = this.options;
    if (policy === "PARALLEL") {
      const attempts = state.cooldownUntil.map((cooldownUntil, index) => {
        const delivery = this.outlet(index).send(params);
        return { index, delivery, cooldownUntil };
      });
      return this.#delivery(attempts, params);
    }
    // To look at the clock for each event takes time.
    const now = state.hasFailed ? this.options.now() : 0;
    const index = chooseSocket(policy, state, NO_ATTEMPTS, now)!;
    const cooldownUntil = state.cooldownUntil[index]!;
    const delivery = this.#sendTo(index, params);
    const open = this.#open[index];
    if (open?.isOnly(delivery)) {
      open.join(params);
      return open;
    }
    const attempts: Attempt[] = [{ index, delivery, cooldownUntil }];
    if (delivery.state === FAILED) this.tryNext(attempts, params, now);
    return this.#delivery(attempts, params);
  }

  /**
   * After a failure: sends to the next server, if there is one, and to the one
   * after it while our queue for a server is full. Adds the attempts; then the
   * last one is under way, or all have failed.
   */
  tryNext(
    attempts: Attempt[],
    params: string | readonly string[],
    now: number,
  ): void {
    const { policy, state, signal } = this.options;
    if (policy === "PARALLEL") return;
    while (attempts.at(-1)!.delivery.state === FAILED && !signal?.aborted) {
      const index = chooseSocket(policy, state, attempts, now);
      if (index === undefined) return;
      const cooldownUntil = state.cooldownUntil[index]!;
      const delivery = this.#sendTo(index, params);
      attempts.push({ index, delivery, cooldownUntil });
    }
  }

  /** Ends the turn: nothing more joins its deliveries. */
  endTurn(): void {
    this.#open = [];
  }

  /** Reports the outcome of a delivery that is settled. */
  report(delivery: VirtualDelivery): DeliveryReport {
    const { socket, isRequest } = this;
    const { isDelivered, ms, via } = delivery;
    const outcome = outcomeOf(isDelivered, isRequest);
    if (!isDelivered) {
      return { socket, outcome, error: toError(delivery.error), ms };
    }
    const { result } = delivery;
    return {
      socket,
      outcome,
      ...via !== undefined && { via },
      ...result !== undefined && { result },
      ms,
    };
  }

  #sendTo(index: number, params: string | readonly string[]): Delivery {
    this.options.state.last = index;
    return this.outlet(index).send(params);
  }

  /** The delivery that has been sent by these attempts. */
  #delivery(attempts: Attempt[], params: string): VirtualDelivery {
    const { index } = attempts[0]!;
    const open = this.#open[index];
    if (open?.isAlike(attempts)) {
      open.join(params);
      return open;
    }
    const delivery = new VirtualDelivery(this, attempts, params);
    // Requests are not joined; their results may be large.
    if (!this.isRequest) this.#open[index] = delivery;
    return delivery;
  }
}

/** Learns that a delivery to a virtual socket is settled. */
export interface VirtualWatcher {
  /** Must not run code of the caller. */
  settled(delivery: VirtualDelivery): void;
}

/**
 * An event on its way to a virtual socket: or several, which were sent together
 * and fail over together. It does no I/O and reads no clock; each step follows
 * from an attempt that is settled.
 *
 * | state | meaning | next |
 * |---|---|---|
 * | trying | an attempt is under way; of `PARALLEL`, at least one | by `FAILOVER` another attempt; delivered, failed |
 * | delivered | settled: a server has it; of `PARALLEL`, all of them | |
 * | failed | settled | |
 */
export class VirtualDelivery implements Watcher {
  state: "trying" | "delivered" | "failed" = "trying";
  /** How many events it is. */
  count = 1;
  readonly #recipient: VirtualRecipient;
  readonly #attempts: Attempt[];
  /** How many attempts are under way. */
  #left: number;
  /** The params, as `FAILOVER` may have to send them again. */
  #params: string | string[] | undefined;
  #watchers: VirtualWatcher[] | undefined;

  /** Constructs it of the attempts that sending has made. */
  constructor(
    recipient: VirtualRecipient,
    attempts: Attempt[],
    params: string,
  ) {
    const { policy, underWay } = recipient.options;
    this.#recipient = recipient;
    this.#attempts = attempts;
    if (policy === "FAILOVER") this.#params = params;
    const isParallel = policy === "PARALLEL";
    this.#left = isParallel ? attempts.length : 1;
    underWay.add(this);
    if (isParallel) {
      for (const { delivery } of attempts) {
        delivery.watch(this);
      }
    } else this.#watchLast();
  }

  get isSettled(): boolean {
    return this.state !== "trying";
  }

  get isDelivered(): boolean {
    return this.state === "delivered";
  }

  /** How long it took, in milliseconds. */
  get ms(): number {
    let start = Infinity, end = 0;
    for (const { delivery } of this.#attempts) {
      start = Math.min(start, delivery.queuedAt);
      end = Math.max(end, delivery.settledAt);
    }
    return Math.max(0, end - start);
  }

  /** The socket that took it; `PARALLEL` has none. */
  get via(): string | undefined {
    if (this.#recipient.options.policy === "PARALLEL") return undefined;
    return this.#recipient.outlet(this.#attempts.at(-1)!.index).socket;
  }

  /** The result of a request; of `PARALLEL`, all of them in order. */
  get result(): Result {
    const { policy, isRequest } = this.#recipient.options;
    const results = this.#attempts.map(({ delivery }) => delivery.result);
    if (!isRequest || policy !== "PARALLEL") return results.at(-1);
    return results[0] instanceof JsonText
      ? new JsonText(`[${results.join(",")}]`)
      : results as JsonValue[];
  }

  /** Why it failed. */
  get error(): unknown {
    const { state, signal } = this.#recipient.options;
    const errorOf = ({ index, delivery }: Attempt) =>
      delivery.errorFor(this.#recipient.outlet(index).head);
    // If the caller has given the event up, no server has failed.
    const last = this.#attempts.at(-1)!;
    if (signal?.aborted && last.delivery.isOurs) return errorOf(last);
    const sockets = state.cooldownUntil.length;
    return failureOf(this.#attempts, { sockets, errorOf });
  }

  /** Lets a watcher know when it is settled. */
  watch(watcher: VirtualWatcher): void {
    if (this.isSettled) return watcher.settled(this);
    if (this.#watchers === undefined) this.#watchers = [watcher];
    else this.#watchers.push(watcher);
  }

  /** Whether an event that was sent to one server shares its fate. */
  isOnly(delivery: Delivery): boolean {
    const own = this.#attempts;
    return own.length === 1 && own[0]!.delivery === delivery;
  }

  /** Whether an event that was sent by these attempts shares its fate. */
  isAlike(attempts: readonly Attempt[]): boolean {
    const own = this.#attempts;
    if (own.length !== attempts.length) return false;
    for (let i = 0; i < own.length; i++) {
      if (own[i]!.delivery !== attempts[i]!.delivery) return false;
    }
    return true;
  }

  /** Takes an event more, which was sent by attempts that are alike. */
  join(params: string): void {
    this.count++;
    if (this.#params === undefined) return;
    if (typeof this.#params === "string") this.#params = [this.#params, params];
    else this.#params.push(params);
  }

  /** See {@linkcode Watcher}: an attempt is settled. */
  settled(delivery: Delivery): void {
    const { policy, state, failoverTimeoutMs } = this.#recipient.options;
    if (policy === "PARALLEL") {
      if (--this.#left > 0) return;
      const isDelivered = this.#attempts.every(({ delivery }) =>
        delivery.state === DELIVERED
      );
      return this.#settle(isDelivered ? "delivered" : "failed");
    }
    const attempts = this.#attempts;
    if (policy === "FAILOVER") {
      noteOutcome(state, attempts.at(-1)!, failoverTimeoutMs);
      if (delivery.state === FAILED) {
        const { settledAt } = delivery;
        this.#recipient.tryNext(attempts, this.#params!, settledAt);
        return this.#watchLast();
      }
    }
    this.#settle(delivery.state === DELIVERED ? "delivered" : "failed");
  }

  /** Waits for the attempt under way; if there is none, it has failed. */
  #watchLast(): void {
    const { delivery } = this.#attempts.at(-1)!;
    if (delivery.state === FAILED) this.#settle("failed");
    else delivery.watch(this);
  }

  #settle(state: "delivered" | "failed"): void {
    this.state = state;
    this.#params = undefined;
    this.#recipient.options.underWay.delete(this);
    const watchers = this.#watchers ?? [];
    this.#watchers = undefined;
    for (const watcher of watchers) watcher.settled(this);
  }
}
