/** `hub --outbox`: events and subscriptions are kept in a file. */

import type {
  EventInterface,
  EventInterfaceOptions,
  EventParams,
} from "../../mod.ts";
import type { EventKeeper } from "../opensips/mod.ts";
import type { EventFilter, EventStore, KeptEvent } from "../outbox/mod.ts";
import type { HubLog } from "./hub_log.ts";
import {
  causeOf,
  type OutboxView,
  type SetAsideEvent,
} from "../monitor/mod.ts";
import type { Arguments } from "./arguments.ts";
import { describe } from "./outcome.ts";
import {
  checkEvent,
  type OutboxOnFile,
  startOutbox,
  toKeyParam,
} from "./outbox_file.ts";
import { failureText, keptMessage } from "./outbox_news.ts";

/** What `hub` has made already. */
export interface HubOutboxSettings {
  /** The outbox's file. */
  readonly path: string;
  readonly events: EventInterface;
  readonly options: EventInterfaceOptions;
  readonly log: HubLog;
}

/** The outbox of a hub, as management needs it. */
export class HubOutbox implements EventKeeper {
  readonly #settings: HubOutboxSettings;
  readonly #file: OutboxOnFile;
  /** The last time that an event, or what became of one, could not be kept. */
  #problem: { message: string; at: number } | undefined;

  private constructor(settings: HubOutboxSettings, file: OutboxOnFile) {
    this.#settings = settings;
    this.#file = file;
  }

  /**
   * Opens it, and begins to deliver what is kept. Rejects if it cannot be opened,
   * or another process delivers from it.
   */
  static async open(
    given: Arguments,
    settings: HubOutboxSettings,
  ): Promise<HubOutbox> {
    const { path, events, options, log } = settings;
    const file = await startOutbox(path, events, {
      keyParam: toKeyParam(given),
      timeoutMs: options.timeoutMs,
      onWarning: (message) => log.warn(message),
    });
    const hub = new HubOutbox(settings, file);
    hub.#watch();
    return hub;
  }

  /** Logs what becomes of what is kept. */
  #watch(): void {
    const { log } = this.#settings;
    const { outbox } = this.#file;
    const factsOf = (
      { event, params, target: socket, raisedAt }: KeptEvent,
    ) => ({
      event,
      params,
      socket,
      ms: Date.now() - raisedAt,
    });
    outbox.addEventListener("delivered", ({ detail: kept }) => {
      const attempts = kept.attempts + 1;
      log.take({ ...factsOf(kept), outcome: "confirmed", attempts });
    });
    outbox.addEventListener("postponed", ({ detail: { event, error } }) => {
      const { attempts } = event;
      log.take({ ...factsOf(event), outcome: "failed", error, attempts });
    });
    outbox.addEventListener("aside", ({ detail: { event: kept, error } }) => {
      const { event, key, target: socket } = kept;
      const members = {
        event,
        key,
        socket,
        cause: causeOf(error),
        error: describe(error),
        attempts: kept.attempts,
        outcome: "set aside",
      };
      log.note("error", members, failureText(kept, error, true));
    });
    outbox.addEventListener("error", ({ detail: { error } }) => {
      this.#fail(error as Error);
    });
  }

  #fail({ message }: Error): void {
    this.#problem = { message, at: performance.now() };
    this.#settings.log.warn(message);
  }

  /** Why events cannot be kept, as far as was seen of late. */
  get problem(): string | undefined {
    const { message, at } = this.#problem ?? {};
    return at !== undefined && performance.now() - at < PROBLEM_MS
      ? message
      : undefined;
  }

  /** Raises an event; resolves when it is safe. */
  async raise(event: string, params: EventParams): Promise<void> {
    const { options } = this.#settings;
    checkEvent(event, params, options.eventParam);
    try {
      await this.#file.outbox.raise(event, params);
      this.#problem = undefined;
    } catch (error) {
      this.#fail(error as Error);
      throw error;
    }
  }

  /** Subscribes; resolves when the subscription is safe. */
  subscribe(
    event: string,
    socket: string,
    options: { expire?: number | undefined },
  ): Promise<void> {
    return this.#file.outbox.subscribe(event, socket, options);
  }

  /** Ends a subscription. */
  unsubscribe(event: string, socket: string): Promise<boolean> {
    return this.#file.outbox.unsubscribe(event, socket);
  }

  /** What the page and the metrics show of it. */
  get view(): OutboxView {
    const { outbox, store } = this.#file;
    return {
      stats: async () => {
        const { kept, setAside, bytes, oldest } = await outbox.stats();
        return {
          waiting: kept,
          setAside,
          bytes,
          oldestMs: oldest === undefined ? undefined : Date.now() - oldest,
          problem: this.problem,
        };
      },
      setAside: () => Array.fromAsync(setAsideIn(store)),
      retry: async (id) => checkFound(await store.retry(setAside(id))),
      drop: async (id) => checkFound(await store.drop(setAside(id))),
    };
  }

  /** Closes it, and says how many events are kept. */
  async close(): Promise<void> {
    const { outbox, store } = this.#file;
    await outbox.close();
    const { kept, setAside } = await outbox.stats();
    const message = keptMessage({ kept, setAside }, this.#settings.path);
    if (message !== undefined) {
      this.#settings.log.note("info", { kept, setAside }, message);
    }
    await store.close();
  }
}

/** For how long the hub is not ready after the outbox has failed. */
const PROBLEM_MS = 10_000;

/** One event, if it is set aside. */
function setAside(id: string | number): EventFilter {
  return { ids: [String(id)], isSetAside: true };
}

/** Throws if there was no such event. */
function checkFound(count: number): void {
  if (count === 0) throw new Error("it is not set aside any more");
}

/** No more than a page shows. */
const MAX_SHOWN = 1000;

async function* setAsideIn(store: EventStore): AsyncGenerator<SetAsideEvent> {
  let shown = 0;
  for await (const kept of store.list({ isSetAside: true })) {
    yield {
      id: kept.id,
      event: kept.event,
      socket: kept.target,
      params: kept.params,
      error: kept.refusal?.message ?? "",
      time: kept.since,
      attempts: kept.attempts,
    };
    if (++shown === MAX_SHOWN) return;
  }
}
