/**
 * The way to a socket: its destinations, and the state of its servers.
 *
 * @module
 */

import { DELIVERED, type Delivery } from "../client/delivery.ts";
import type { DestinationShell } from "../client/shell.ts";
import { headOf, type MessageHead } from "../protocol/message.ts";
import { type EventSocket, formatSocket } from "../protocol/socket.ts";
import type { Target } from "../protocol/virtual_socket.ts";
import type { Recipient } from "./broadcast.ts";
import { newVirtualState, type VirtualState } from "./failover.ts";
import type { InterfaceSettings } from "./options.ts";
import type { Pool, PooledDestination } from "./pool.ts";
import { type DeliveryReport, outcomeOf, toError } from "./report.ts";
import {
  type Outlet,
  type VirtualDelivery,
  VirtualRecipient,
} from "./virtual_delivery.ts";

/** Options of {@linkcode Routes.recipient}. */
export interface RecipientOptions {
  readonly timeoutMs: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The way to a socket; all users of the same socket and sync mode share it. */
export interface Route {
  readonly key: string;
  readonly target: Target;
  readonly syncMode: boolean;
  /** Of each socket of the target. */
  readonly destinations: readonly PooledDestination[];
  readonly state: VirtualState;
  /** Deliveries to a virtual socket, which may need all of its destinations. */
  readonly underWay: Set<VirtualDelivery>;
  users: number;
}

/** The routes that somebody uses, or on which a failover is under way. */
export class Routes {
  readonly #settings: InterfaceSettings;
  readonly #pool: Pool;
  readonly #routes: Map<string, Route> = new Map();
  /** Of virtual sockets by their text, whether in sync mode or not. */
  readonly #states: Map<string, { state: VirtualState; users: number }> =
    new Map();

  /** Constructs it without routes. */
  constructor(settings: InterfaceSettings, pool: Pool) {
    this.#settings = settings;
    this.#pool = pool;
  }

  /** The route to a target, to be released later. */
  acquire(target: Target, syncMode: boolean): Route {
    const key = `${syncMode} ${target.socket}`;
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = {
        key,
        target,
        syncMode,
        destinations: target.sockets.map((socket) =>
          this.#pool.acquire(socket, syncMode)
        ),
        state: this.#acquireState(target),
        underWay: new Set(),
        users: 0,
      };
      this.#routes.set(key, route);
    }
    route.users++;
    return route;
  }

  /** Lets go of a route; deliveries on it end as they would. */
  release(route: Route): void {
    route.users--;
    this.#dropIfUnused(route);
  }

  /** One that gets an event by a route, for as long as the route is used. */
  recipient(
    route: Route,
    event: string,
    { timeoutMs, signal }: RecipientOptions,
  ): Recipient {
    const { target, syncMode, destinations, state, underWay } = route;
    const { rawResult, failoverTimeoutMs, client } = this.#settings;
    const socketOf = (index: number) => target.sockets[index]!;
    const headFor = (index: number) =>
      headOf(socketOf(index), event, client.eventParam);
    const optionsFor = (index: number) => ({
      shell: destinations[index]!.shell,
      isRequest: syncMode,
      isRaw: rawResult,
      timeoutMs,
      signal,
    });
    if (target.policy === undefined) {
      return new PlainRecipient(socketOf(0), headFor(0), optionsFor(0));
    }
    return new VirtualRecipient(target.socket, {
      policy: target.policy,
      state,
      outletOf: (index) =>
        new SocketOutlet(socketOf(index), headFor(index), optionsFor(index)),
      isRequest: syncMode,
      failoverTimeoutMs,
      signal,
      underWay: {
        add: (delivery) => underWay.add(delivery),
        delete: (delivery) => {
          const isDeleted = underWay.delete(delivery);
          this.#dropIfUnused(route);
          return isDeleted;
        },
      },
      now: () => performance.now(),
    });
  }

  /** Resolves when the deliveries to virtual sockets are settled. */
  async flush(): Promise<void> {
    const underWay = [...this.#routes.values()]
      .flatMap((route) => [...route.underWay]);
    await Promise.all(
      underWay.map((delivery) =>
        new Promise<void>((resolve) =>
          delivery.watch({ settled: () => resolve() })
        )
      ),
    );
  }

  #dropIfUnused(route: Route): void {
    if (route.users > 0 || route.underWay.size > 0) return;
    if (this.#routes.get(route.key) !== route) return;
    this.#routes.delete(route.key);
    this.#releaseState(route.target);
    for (const pooled of route.destinations) this.#pool.release(pooled);
  }

  #acquireState({ socket, sockets }: Target): VirtualState {
    let shared = this.#states.get(socket);
    if (shared === undefined) {
      shared = { state: newVirtualState(sockets.length), users: 0 };
      this.#states.set(socket, shared);
    }
    shared.users++;
    return shared.state;
  }

  #releaseState({ socket }: Target): void {
    if (--this.#states.get(socket)!.users === 0) this.#states.delete(socket);
  }
}

/** Options of {@linkcode SocketOutlet}. */
interface OutletOptions extends RecipientOptions {
  readonly shell: DestinationShell;
  readonly isRaw: boolean;
}

/** One socket, for the messages of one event. */
class SocketOutlet implements Outlet {
  readonly socket: string;
  readonly head: MessageHead;
  readonly #shell: DestinationShell;
  readonly #timeoutMs: number | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #isRaw: boolean;

  constructor(
    socket: EventSocket,
    head: MessageHead,
    { shell, timeoutMs, signal, isRaw }: OutletOptions,
  ) {
    this.socket = formatSocket(socket);
    this.head = head;
    this.#shell = shell;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#isRaw = isRaw;
  }

  send(params: string | readonly string[]): Delivery {
    return this.#shell.send(
      this.head,
      params,
      this.#timeoutMs,
      this.#signal,
      this.#isRaw,
    );
  }
}

/** A socket that is not a virtual one, and gets one event. */
class PlainRecipient extends SocketOutlet implements Recipient {
  readonly isRequest: boolean;

  constructor(
    socket: EventSocket,
    head: MessageHead,
    options: OutletOptions & { isRequest: boolean },
  ) {
    super(socket, head, options);
    this.isRequest = options.isRequest;
  }

  endTurn(): void {}

  report(delivery: Delivery): DeliveryReport {
    const { socket, isRequest } = this;
    const { state, result, ms } = delivery;
    const outcome = outcomeOf(state === DELIVERED, isRequest);
    if (state !== DELIVERED) {
      const error = toError(delivery.errorFor(this.head));
      return { socket, outcome, error, ms };
    }
    return result === undefined
      ? { socket, outcome, ms }
      : { socket, outcome, result, ms };
  }
}
