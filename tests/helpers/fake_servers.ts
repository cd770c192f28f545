/** What the tests of virtual sockets have in common: servers that are not there. */

import {
  type Attempt,
  newVirtualState,
  type VirtualState,
} from "../../src/events/failover.ts";
import {
  type VirtualDelivery,
  VirtualRecipient,
} from "../../src/events/virtual_delivery.ts";
import { Delivery, FAILED, type Result } from "../../src/client/delivery.ts";
import { DeliveryError } from "../../src/protocol/errors.ts";
import { headOf } from "../../src/protocol/message.ts";
import { formatSocket, parseSocket } from "../../src/protocol/socket.ts";
import type { Policy } from "../../src/protocol/virtual_socket.ts";

/** How the deliveries of a server end. */
export type Fate = { result: Result } | { error: Error; isOurs?: boolean };

const HEAD = headOf({ protocol: "jsonrpc" }, "E_X", undefined);

/** A delivery to the server that has this number, not settled. */
export function newDelivery(index: number, turn = { endedAt: 0 }): Delivery {
  const delivery = new Delivery(HEAD, "", {
    target: parseSocket(`jsonrpc:server${index}:1`),
    timeoutMs: 1000,
    signal: undefined,
    isRaw: false,
  });
  delivery.deadline = turn.endedAt + 1000;
  return delivery;
}

/** Settles a delivery. */
export function settle(delivery: Delivery, fate: Fate, now: number): void {
  if ("result" in fate) delivery.succeed(now, fate.result);
  else delivery.fail(now, () => fate.error, fate.isOurs);
}

/** An attempt that has ended so. */
export function attempt(index: number, fate: Fate, now = 0): Attempt {
  const delivery = newDelivery(index);
  settle(delivery, fate, now);
  return { index, delivery, cooldownUntil: 0 };
}

/** An error by which it is known whether the event may have arrived. */
export function failed(message: string, mayHaveArrived = false): Fate {
  return { error: new DeliveryError(message, { mayHaveArrived }) };
}

/**
 * A virtual socket whose servers end deliveries as `fates` says, when `answer` is
 * called; those that are refused, at once.
 */
export class FakeServers {
  readonly state: VirtualState;
  readonly underWay: Set<VirtualDelivery> = new Set();
  readonly recipient: VirtualRecipient;
  /** What each server was sent, in order. */
  readonly sent: { index: number; params: string | readonly string[] }[] = [];
  /** How the deliveries of each server end. */
  readonly fates: Fate[];
  now = 1000;
  /** What waits to be settled. */
  waiting: { index: number; delivery: Delivery }[] = [];
  /** Whether notifications of a turn share a delivery at a server. */
  #batches = new Map<number, Delivery>();

  constructor(
    policy: Policy,
    fates: Fate[],
    { isRequest = true, failoverTimeoutMs = 30_000, signal }: {
      isRequest?: boolean;
      failoverTimeoutMs?: number;
      signal?: AbortSignal;
    } = {},
  ) {
    this.fates = fates;
    this.state = newVirtualState(fates.length);
    this.recipient = new VirtualRecipient(`virtual:${policy}`, {
      policy,
      state: this.state,
      isRequest,
      failoverTimeoutMs,
      signal,
      underWay: this.underWay,
      now: () => this.now,
      outletOf: (index) => ({
        socket: formatSocket(parseSocket(`jsonrpc:server${index}:1`)),
        head: HEAD,
        send: (params) => this.#send(index, params, isRequest),
      }),
    });
  }

  /** Raises an event, and answers until it is settled. */
  raise(params = "{}"): VirtualDelivery {
    const delivery = this.recipient.send(params);
    this.endTurn();
    while (!delivery.isSettled) this.answer();
    return delivery;
  }

  /** Which servers were tried since this was last asked for. */
  tried(): number[] {
    return this.sent.splice(0).map(({ index }) => index);
  }

  endTurn(): void {
    this.#batches.clear();
    this.recipient.endTurn();
  }

  /** Settles what waits, or those of one server. */
  answer(only?: number): void {
    const waiting = this.waiting;
    const isMeant = ({ index }: { index: number }) =>
      only === undefined || index === only;
    this.waiting = waiting.filter((one) => !isMeant(one));
    for (const { index, delivery } of waiting.filter(isMeant)) {
      settle(delivery, this.fates[index]!, this.now);
    }
  }

  #send(
    index: number,
    params: string | readonly string[],
    isRequest: boolean,
  ): Delivery {
    this.sent.push({ index, params });
    const batch = this.#batches.get(index);
    if (batch !== undefined && (typeof params === "string")) {
      batch.count++;
      return batch;
    }
    const delivery = newDelivery(index, { endedAt: this.now });
    const fate = this.fates[index]!;
    if (!isRequest) this.#batches.set(index, delivery);
    if ("error" in fate && fate.isOurs) settle(delivery, fate, this.now);
    if (delivery.state !== FAILED) this.waiting.push({ index, delivery });
    return delivery;
  }
}
