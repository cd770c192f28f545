/**
 * Where management keeps events and subscriptions.
 *
 * @module
 */

import type { EventInterface } from "../events/event_interface.ts";
import { ParamsError, ServerError } from "../protocol/errors.ts";
import type { JsonText } from "../protocol/json.ts";

/**
 * What keeps events and subscriptions for management: an `Outbox` in front of the
 * Event Interface, or anything that does the same.
 */
export interface EventKeeper {
  /** Raises an event; resolves when it is safe. */
  raise(event: string, params: JsonText): Promise<unknown>;
  /** Subscribes for `expire` seconds; resolves when the subscription is safe. */
  subscribe(
    event: string,
    socket: string,
    options: { expire?: number | undefined },
  ): Promise<unknown>;
  /** Ends a subscription, if there is one; resolves when it is kept no more. */
  unsubscribe(event: string, socket: string): Promise<unknown>;
}

/** Raises an event; rejects if its params are wrong. */
export type RaiseEvent = (event: string, params: JsonText) => Promise<unknown>;

/**
 * Keeps nothing; events are raised by `raise`. What is wrong with params is known at once, and no more is
 * waited for.
 */
export function directly(
  events: EventInterface,
  raise: RaiseEvent = (event, params) =>
    Promise.race([events.raise(event, params), null]),
): EventKeeper {
  return {
    raise,
    // deno-lint-ignore require-await -- what it throws is to be a rejection
    async subscribe(event, socket, { expire }) {
      events.subscribe(event, socket, expire === undefined ? {} : { expire });
    },
    // deno-lint-ignore require-await -- the same
    async unsubscribe(event, socket) {
      events.unsubscribe(event, socket);
    },
  };
}

/** The same keeper; who asks for what it cannot keep is told so. */
export function guarded(outbox: EventKeeper): EventKeeper {
  async function told(keeping: Promise<unknown>): Promise<unknown> {
    try {
      return await keeping;
    } catch (error) {
      if (error instanceof ParamsError) throw error;
      const { message } = error as Error;
      throw new ServerError(500, "Server Internal Error", message);
    }
  }
  return {
    raise: (event, params) => told(outbox.raise(event, params)),
    subscribe: (event, socket, options) =>
      told(outbox.subscribe(event, socket, options)),
    unsubscribe: (event, socket) => told(outbox.unsubscribe(event, socket)),
  };
}
