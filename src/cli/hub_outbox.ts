/** `hub --outbox`: events and subscriptions are kept in a file. */

import type {
  EventInterface,
  EventInterfaceOptions,
  EventParams,
} from "../../mod.ts";
import type { EventKeeper } from "../opensips/mod.ts";
import type { EventStore } from "../outbox/mod.ts";
import type { HubLog } from "./hub_log.ts";
import type { OutboxView, SetAsideEvent } from "../monitor/mod.ts";
import type { Arguments } from "./arguments.ts";
import { describe } from "./outcome.ts";
import {
  checkEvent,
  type OutboxOnFile,
  startOutbox,
  toKeyParam,
} from "./outbox_file.ts";
import {
  failureText,
  keptMessage,
  recoveryText,
  watchOutbox,
} from "./outbox_news.ts";
import { stderr } from "./output.ts";
import { printable } from "../protocol/printable.ts";

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
    watchOutbox(file.outbox, {
      failed: (kept, error, isSetAside) => {
        const { event, key, target: socket } = kept;
        log.note("error", {
          event,
          key,
          socket,
          error: describe(error),
          outcome: isSetAside ? "set aside" : "kept",
        }, failureText(kept, error, isSetAside));
      },
      recovered: (socket, ms) => {
        const reachedAgainAfterMs = Math.round(ms);
        log.note(
          "info",
          { socket, reachedAgainAfterMs },
          recoveryText(socket, ms),
        );
      },
      problem: ({ message }) => log.warn(message),
    });
    return new HubOutbox(settings, file);
  }

  /** Raises an event; resolves when it is safe. */
  async raise(event: string, params: EventParams): Promise<void> {
    const { options, log } = this.#settings;
    checkEvent(event, params, options.eventParam);
    try {
      await this.#file.outbox.raise(event, params);
    } catch (error) {
      log.warn((error as Error).message);
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
      async stats() {
        const { kept, setAside, bytes, oldest } = await outbox.stats();
        return {
          waiting: kept,
          setAside,
          bytes,
          oldestMs: oldest === undefined ? undefined : Date.now() - oldest,
        };
      },
      setAside: () => Array.fromAsync(setAsideIn(store)),
      retry: (id) => store.retry({ ids: [String(id)] }),
      drop: (id) => store.drop({ ids: [String(id)] }),
    };
  }

  /** Closes it, and says how many events are kept. */
  async close(): Promise<void> {
    const { outbox, store } = this.#file;
    await outbox.close();
    const message = keptMessage(await outbox.stats(), this.#settings.path);
    if (message !== undefined) stderr.print(printable(message));
    await store.close();
  }
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
