/** `hub --outbox`: events and subscriptions are kept in a file. */

import type {
  EventInterface,
  EventInterfaceOptions,
  EventParams,
} from "../../mod.ts";
import type { EventKeeper } from "../opensips/mod.ts";
import type { KeptEvent } from "../outbox/mod.ts";
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
import { printable, printableJson } from "./printable.ts";

/** What `hub` has made already. */
export interface HubOutboxSettings {
  /** The outbox's file. */
  readonly path: string;
  readonly events: EventInterface;
  readonly options: EventInterfaceOptions;
  /** Tells a warning. */
  warn(message: string): void;
  /** Adds a line to the log. */
  log(line: string): void;
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
    const { path, events, options, warn, log } = settings;
    const file = await startOutbox(path, events, {
      keyParam: toKeyParam(given),
      timeoutMs: options.timeoutMs,
      onWarning: warn,
    });
    const format = given.has("json") ? JSON_FORMAT : TEXT_FORMAT;
    watchOutbox(file.outbox, {
      failed: (...failure) => log(format.failed(...failure)),
      recovered: (...recovery) => log(format.recovered(...recovery)),
      problem: ({ message }) => warn(message),
    });
    return new HubOutbox(settings, file);
  }

  /** Raises an event; resolves when it is safe. */
  async raise(event: string, params: EventParams): Promise<void> {
    const { options, warn } = this.#settings;
    checkEvent(event, params, options.eventParam);
    try {
      await this.#file.outbox.raise(event, params);
    } catch (error) {
      warn((error as Error).message);
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

  /** Closes it, and says how many events are kept. */
  async close(): Promise<void> {
    const { outbox, store } = this.#file;
    await outbox.close();
    const message = keptMessage(await outbox.stats(), this.#settings.path);
    if (message !== undefined) stderr.print(printable(message));
    await store.close();
  }
}

/** How the lines of the log are written. */
interface LogFormat {
  failed(event: KeptEvent, error: unknown, isSetAside: boolean): string;
  recovered(target: string, ms: number): string;
}

const TEXT_FORMAT: LogFormat = {
  failed: (...failure) => printable(failureText(...failure)),
  recovered: (...recovery) => printable(recoveryText(...recovery)),
};

const JSON_FORMAT: LogFormat = {
  failed: ({ event, key, target }, error, isSetAside) =>
    toJsonLine({
      event,
      key,
      socket: target,
      error: describe(error),
      outcome: isSetAside ? "set aside" : "kept",
    }),
  recovered: (socket, ms) =>
    toJsonLine({ socket, reachedAgainAfterMs: Math.round(ms) }),
};

function toJsonLine(members: Record<string, unknown>): string {
  return printableJson(JSON.stringify({ time: new Date(), ...members }));
}
