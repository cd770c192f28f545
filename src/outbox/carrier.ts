/**
 * What an outbox stands in front of: who subscribed, and how an event gets
 * there.
 *
 * @module
 */

import { EventClient } from "../client/event_client.ts";
import type { AnyEventInterface } from "../events/event_interface.ts";
import { JsonText } from "../protocol/json.ts";
import type { KeptSubscription } from "./store.ts";

/** Options of {@linkcode Carrier.deliver}. */
export interface CarryOptions {
  timeoutMs: number | undefined;
  signal: AbortSignal;
}

/** See the module. */
export interface Carrier {
  /** The sockets that an event goes to now. */
  targets(event: string): readonly string[];
  /** Delivers an event to a socket, until confirmed; rejects if it is not. */
  deliver(
    event: string,
    target: string,
    params: string,
    options: CarryOptions,
  ): Promise<void>;
  /** Subscribes; returns the socket as the interface writes it. */
  subscribe(subscription: KeptSubscription): string;
  /** Ends a subscription; returns its socket, if there was one. */
  unsubscribe(event: string, socket: string): string | undefined;
}

/** Makes the carrier of a client or an interface. */
export function carrierOf(target: EventClient | AnyEventInterface): Carrier {
  return target instanceof EventClient
    ? new ClientCarrier(target)
    : new InterfaceCarrier(target);
}

class ClientCarrier implements Carrier {
  readonly #client: EventClient;

  constructor(client: EventClient) {
    this.#client = client;
  }

  targets(): readonly string[] {
    return [this.#client.socket];
  }

  async deliver(
    event: string,
    target: string,
    params: string,
    { timeoutMs, signal }: CarryOptions,
  ): Promise<void> {
    // Throws for a socket of another host or port, which is kept then.
    await this.#client.raise(event, new JsonText(params), {
      signal,
      ...target === this.#client.socket ? {} : { socket: target },
      ...timeoutMs === undefined ? {} : { timeoutMs },
    });
  }

  subscribe(): string {
    throw new TypeError(
      "Cannot subscribe: the outbox stands in front of a client, expected an Event Interface",
    );
  }

  unsubscribe(): undefined {
    return undefined;
  }
}

/** Delivers to sockets by an Event Interface, in sync mode. */
class InterfaceCarrier implements Carrier {
  readonly #events: AnyEventInterface;

  constructor(events: AnyEventInterface) {
    this.#events = events;
  }

  targets(event: string): readonly string[] {
    return this.#events.subscribers(event).map(({ socket }) => socket);
  }

  async deliver(
    event: string,
    target: string,
    params: string,
    options: CarryOptions,
  ): Promise<void> {
    const text = new JsonText(params);
    const { outcome, error } = await this.#events.deliver(event, target, text, {
      ...options,
      syncMode: true,
    });
    if (outcome === "failed") throw error;
  }

  subscribe({ event, socket, expiresAt }: KeptSubscription): string {
    if (expiresAt === undefined) this.#events.subscribe(event, socket);
    else {
      const expire = (expiresAt - Date.now()) / 1000;
      this.#events.subscribe(event, socket, { expire });
    }
    return this.#events.subscriber(event, socket)!.socket;
  }

  unsubscribe(event: string, socket: string): string | undefined {
    const subscriber = this.#events.subscriber(event, socket);
    if (subscriber !== undefined) this.#events.unsubscribe(event, socket);
    return subscriber?.socket;
  }
}
