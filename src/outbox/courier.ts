/**
 * Delivers the events of one target.
 *
 * @module
 */

import { backoff, type BackoffOptions } from "./backoff.ts";
import type { Deliverer, KeptEvent, Refusal } from "./store.ts";
import { brief, DeliveryError, ServerError } from "../protocol/errors.ts";

/** Options of {@linkcode Courier}. */
export interface CourierOptions extends BackoffOptions {
  window: number;
  maxAgeMs: number;
  retryOn: (error: unknown) => boolean;
}

/** Told what becomes of events. */
export interface CourierHooks {
  delivered(event: KeptEvent): void;
  postponed(event: KeptEvent, error: unknown, delayMs: number): void;
  setAside(event: KeptEvent, error: unknown): void;
  /** The store could not do something. */
  failed(error: unknown): void;
}

/** Delivers an event until it is confirmed; rejects if it is not. */
export type Carry = (event: KeptEvent, signal: AbortSignal) => Promise<void>;

/** How long a delivery under way may take to be confirmed once all is to end. */
const GRACE_MS = 1000;

/**
 * Delivers what is kept for one target until nothing is left, or it is stopped.
 *
 *     running -> finished (nothing is kept)
 *     running -> stopping (nothing more is taken) -> finished
 *
 * Each event that it has taken is in one of these states:
 *
 *     delivering -> removing (confirmed)          -> gone
 *                -> setting aside (refused, old)  -> gone
 *                -> giving back (not delivered)   -> gone; taken again later
 *                -> gone (stopped: the store keeps it)
 *
 * At most `window` of them are there at once. One is gone only when the store
 * has it so: a crash repeats no more than these.
 */
export class Courier {
  readonly #target: string;
  readonly #deliverer: Deliverer;
  readonly #carry: Carry;
  readonly #options: CourierOptions;
  readonly #hooks: CourierHooks;
  #state: "running" | "stopping" | "finished" = "running";
  /** How many events are taken and not gone. */
  #out = 0;
  /** Aborted when nothing more is to be taken. */
  readonly #taking = new AbortController();
  /** Aborted when what is under way is to be given up. */
  readonly #carrying = new AbortController();
  #changed = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    target: string,
    deliverer: Deliverer,
    carry: Carry,
    options: CourierOptions,
    hooks: CourierHooks,
  ) {
    this.#target = target;
    this.#deliverer = deliverer;
    this.#carry = carry;
    this.#options = options;
    this.#hooks = hooks;
  }

  /** Resolves when nothing is left, or it was stopped; never rejects. */
  async run(): Promise<void> {
    try {
      await this.#takeAll();
    } catch (error) {
      this.#hooks.failed(error);
    }
    // A store that has no room to note something must not hold up the end.
    while (this.#out > 0 && !this.#carrying.signal.aborted) {
      await this.#changed.promise;
    }
    this.#state = "finished";
    clearTimeout(this.#timer);
  }

  /** Takes nothing more, and soon gives up what is under way. */
  stop(): void {
    if (this.#state !== "running") return;
    this.#state = "stopping";
    this.#taking.abort();
    this.#tellChanged();
    this.#timer = setTimeout(() => {
      this.#carrying.abort();
      this.#tellChanged();
    }, GRACE_MS);
  }

  async #takeAll(): Promise<void> {
    const { window } = this.#options;
    const { signal } = this.#taking;
    for (;;) {
      while (this.#out >= window && !signal.aborted) {
        await this.#changed.promise;
      }
      const events = await this.#deliverer.take(
        this.#target,
        window - this.#out,
        signal,
      );
      if (events.length === 0 || signal.aborted) return;
      for (const event of events) {
        this.#out++;
        this.#handle(event).then(() => this.#gone());
      }
    }
  }

  #gone(): void {
    this.#out--;
    this.#tellChanged();
  }

  #tellChanged(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #handle(event: KeptEvent): Promise<void> {
    try {
      if (this.#msLeft(event) <= 0) return await this.#refuseOld(event);
      try {
        await this.#carry(event, this.#carrying.signal);
      } catch (error) {
        return await this.#handleFailure(event, error);
      }
      await this.#deliverer.done(event);
      this.#hooks.delivered(event);
    } catch (error) {
      this.#hooks.failed(error);
    }
  }

  async #handleFailure(event: KeptEvent, error: unknown): Promise<void> {
    if (this.#carrying.signal.aborted) return;
    // The store may count in the event itself, or not.
    const attempts = event.attempts + 1;
    const failed = { ...event, attempts, lastError: messageOf(error) };
    if (!this.#mayRetry(error)) {
      await this.#deliverer.setAside(event, refusalOf(error));
      this.#hooks.setAside(failed, error);
      return;
    }
    const delayMs = Math.min(
      backoff(attempts, this.#options),
      Math.max(0, this.#msLeft(event)),
    );
    await this.#deliverer.postpone(event, delayMs, failed.lastError);
    this.#hooks.postponed(failed, error, delayMs);
  }

  /** The caller's function may throw; then nothing is given up. */
  #mayRetry(error: unknown): boolean {
    try {
      return this.#options.retryOn(error);
    } catch (error) {
      this.#hooks.failed(error);
      return true;
    }
  }

  async #refuseOld(event: KeptEvent): Promise<void> {
    const { maxAgeMs } = this.#options;
    const problem = `It is older than ${maxAgeMs} ms`;
    const { lastError } = event;
    const message = lastError === undefined
      ? problem
      : `${problem}; the last attempt: ${lastError}`;
    await this.#deliverer.setAside(event, { message });
    this.#hooks.setAside(event, new Error(message));
  }

  /** How long an event may still be tried. */
  #msLeft({ since }: KeptEvent): number {
    return since + this.#options.maxAgeMs - Date.now();
  }
}

/**
 * Whether to try again after an error: always, unless the server has said that
 * it does not want the event, or the event cannot be sent at all.
 */
export function retryUnlessRefused(error: unknown): boolean {
  return error instanceof DeliveryError && serverErrorOf(error) === undefined;
}

/**
 * The server's error that an event failed with. A virtual socket fails with
 * several: they count when they are the servers' own, all of them.
 */
function serverErrorOf(error: unknown): ServerError | undefined {
  if (error instanceof ServerError) return error;
  const { cause } = error as { cause?: unknown };
  if (!(cause instanceof AggregateError)) return undefined;
  const { errors } = cause;
  return errors.every((error) => error instanceof ServerError)
    ? errors[0]
    : undefined;
}

function refusalOf(error: unknown): Refusal {
  const serverError = serverErrorOf(error);
  return serverError === undefined
    ? { message: messageOf(error) }
    : { code: serverError.code, message: brief(serverError.message) };
}

function messageOf(error: unknown): string {
  return brief(error instanceof Error ? error.message : String(error));
}
