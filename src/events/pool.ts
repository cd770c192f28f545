/**
 * The destinations of the Event Interface, which all that use one share.
 *
 * @module
 */

import type { Delivery } from "../client/delivery.ts";
import type { Notice } from "../client/destination.ts";
import type { ClientSettings } from "../client/options.ts";
import { DestinationShell } from "../client/shell.ts";
import type { EventClientStats } from "../client/stats.ts";
import { type EventSocket, formatHost, isOverTls } from "../protocol/socket.ts";

/** A destination, and its counters. */
export interface DestinationStats extends EventClientStats {
  /** `host:port`; an IPv6 host stands in brackets. */
  destination: string;
  /** Whether it is reached over TLS. */
  tls: boolean;
  /** Whether events to it are confirmed. */
  syncMode: boolean;
}

/** A destination that is shared. */
export interface PooledDestination {
  readonly key: string;
  /** `host:port`; an IPv6 host stands in brackets. */
  readonly name: string;
  readonly syncMode: boolean;
  readonly shell: DestinationShell;
  /** How many routes use it. */
  users: number;
}

/** Options of {@linkcode Pool}. */
export interface PoolOptions {
  /** Takes the notices of a destination. */
  onNotice: (destination: string, notice: Notice) => void;
  /** Takes each delivery that is settled, if anybody asks for that. */
  onSettled?:
    | ((delivery: Delivery, destination: PooledDestination) => void)
    | undefined;
}

/**
 * Destinations by host, port, TLS and sync mode. One that nobody uses any more is
 * closed, once all deliveries to it are settled.
 *
 * | state | meaning | next |
 * |---|---|---|
 * | used | somebody may send to it | leaving |
 * | leaving | nobody uses it, and something is not settled | used, closing |
 * | closing | it is given to nobody any more | gone |
 */
export class Pool {
  readonly #settings: ClientSettings;
  readonly #options: PoolOptions;
  /** The destinations that are used or leaving. */
  readonly #byKey: Map<string, PooledDestination> = new Map();
  /** The same, and those that are closing. */
  readonly #all: Set<PooledDestination> = new Set();
  readonly #leavings: Set<Promise<void>> = new Set();

  /** Constructs a pool without destinations. */
  constructor(settings: ClientSettings, options: PoolOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  /** The destination of a socket, to be released later. */
  acquire(socket: EventSocket, syncMode: boolean): PooledDestination {
    const name = `${formatHost(socket.host)}:${socket.port}`;
    const protocol = isOverTls(socket) ? "jsonrpcs" : "jsonrpc";
    const key = `${protocol}:${name} ${syncMode}`;
    const pooled = this.#byKey.get(key) ??
      this.#add(key, name, { ...socket, protocol }, syncMode);
    pooled.users++;
    return pooled;
  }

  /** Lets go of a destination. */
  release(pooled: PooledDestination): void {
    if (--pooled.users > 0) return;
    const leaving = this.#leave(pooled);
    this.#leavings.add(leaving);
    leaving.then(() => this.#leavings.delete(leaving));
  }

  /** The counters of all destinations that are used, or have a delivery. */
  stats(): DestinationStats[] {
    return [...this.#byKey.values()]
      .filter(({ users, shell }) => users > 0 || !shell.isIdle)
      .map(({ name, syncMode, shell }) => ({
        destination: name,
        tls: isOverTls(shell.target),
        syncMode,
        ...shell.stats,
      }));
  }

  /** Resolves when all is settled that was sent so far, wherever it went. */
  async flush(): Promise<void> {
    await Promise.all(Array.from(this.#all, ({ shell }) => shell.flush()));
  }

  /** Resolves when all destinations are closed that nobody uses. */
  async left(): Promise<void> {
    while (this.#leavings.size > 0) await Promise.all(this.#leavings);
  }

  #add(
    key: string,
    name: string,
    { protocol, host, port }: EventSocket,
    syncMode: boolean,
  ): PooledDestination {
    const { onNotice, onSettled } = this.#options;
    const pooled: PooledDestination = {
      key,
      name,
      syncMode,
      users: 0,
      shell: new DestinationShell(
        { protocol, host, port },
        { ...this.#settings, syncMode },
        (notice) => onNotice(name, notice),
        onSettled && ((delivery) => onSettled(delivery, pooled)),
      ),
    };
    this.#byKey.set(key, pooled);
    this.#all.add(pooled);
    return pooled;
  }

  /** Closes a destination unless, before all is settled, somebody uses it again. */
  async #leave(pooled: PooledDestination): Promise<void> {
    const { key, shell } = pooled;
    await null; // it may be in the middle of settling a delivery
    if (pooled.users > 0) return;
    if (!shell.isIdle) await shell.flush();
    if (pooled.users > 0 || this.#byKey.get(key) !== pooled) return;
    this.#byKey.delete(key);
    await shell.close();
    this.#all.delete(pooled);
  }
}
