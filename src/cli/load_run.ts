/** One event many times, at a rate or as fast as the server takes it. */

import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  DeliveryTimeoutError,
  ProtocolError,
  QueueFullError,
  ServerError,
} from "../../mod.ts";
import { Histogram } from "./histogram.ts";
import { exitCodeOf, worse } from "./outcome.ts";

/** How many events are under way if there is no rate. */
const WINDOW = 64;
/** How many events that are due are raised before responses are read. */
const MAX_A_TURN = 4096;
/** How many kinds of failures are told apart: a server can make up codes. */
const MAX_KINDS = 20;

/** What is raised, and how often. */
export interface LoadSettings {
  /** How many events. */
  readonly count: number;
  /** How many in a second; absent: as many as the server takes. */
  readonly rate: number | undefined;
  /** No more events are raised when it is aborted. */
  readonly signal: AbortSignal;
  /** Raises the event; resolves to the error, if it is not delivered. */
  raise(): Promise<Error | undefined>;
  /** Is called with the first failure of each kind. */
  onFailure(error: Error): void;
}

/** See the head of this file. */
export class LoadRun {
  raised = 0;
  delivered = 0;
  failed = 0;
  /** How many failed, by what happened. */
  readonly failures: Map<string, number> = new Map();
  /** How long the events took that were delivered. */
  readonly latencies: Histogram = new Histogram();
  /** The exit code of the worst that happened. */
  code = 0;
  readonly #settings: LoadSettings;
  #wake = Promise.withResolvers<void>();

  constructor(settings: LoadSettings) {
    this.#settings = settings;
  }

  /** Raises all events; resolves when the last one is delivered or has failed. */
  async run(): Promise<void> {
    const { count, rate, signal } = this.#settings;
    const wake = () => this.#wake.resolve();
    signal.addEventListener("abort", wake);
    const start = performance.now();
    while (this.raised < count && !signal.aborted) {
      if (rate === undefined) await this.#raiseWindow();
      else await this.#raiseDue(start, 1000 / rate);
    }
    signal.removeEventListener("abort", wake);
    while (this.underWay > 0) await this.#sleep();
  }

  /** How many are neither delivered nor have failed yet. */
  get underWay(): number {
    return this.raised - this.delivered - this.failed;
  }

  async #raiseWindow(): Promise<void> {
    while (this.raised < this.#settings.count && this.underWay < WINDOW) {
      this.#raise();
    }
    await this.#sleep();
  }

  /** Raises what is due by the start, so that late timers change no rate. */
  async #raiseDue(start: number, intervalMs: number): Promise<void> {
    const { count } = this.#settings;
    for (let turn = 0; turn < MAX_A_TURN && this.raised < count; turn++) {
      const left = start + this.raised * intervalMs - performance.now();
      if (left > 0) return await this.#sleep(left);
      this.#raise();
    }
    await this.#sleep(0);
  }

  async #raise(): Promise<void> {
    const start = performance.now();
    this.raised++;
    const error = await this.#settings.raise();
    if (error === undefined) {
      this.delivered++;
      this.latencies.add(performance.now() - start);
    } else {
      this.failed++;
      this.#fail(error);
    }
    // With a rate, the time wakes it until all are raised.
    const { count, rate, signal } = this.#settings;
    if (rate === undefined || this.raised === count || signal.aborted) {
      this.#wake.resolve();
    }
  }

  #fail(error: Error): void {
    let kind = kindOf(error);
    this.code = worse(this.code, exitCodeOf(error));
    if (!this.failures.has(kind)) {
      if (this.failures.size >= MAX_KINDS) kind = "other";
      else this.#settings.onFailure(error);
    }
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
  }

  /** Waits until it is woken, or for so long. */
  async #sleep(ms?: number): Promise<void> {
    const timer = ms === undefined
      ? undefined
      : setTimeout(() => this.#wake.resolve(), ms);
    await this.#wake.promise;
    clearTimeout(timer);
    this.#wake = Promise.withResolvers();
  }
}

/** What happened, in few words. */
export function kindOf(error: Error): string {
  if (error instanceof DeliveryError && error.cause instanceof AggregateError) {
    const kinds = new Set(error.cause.errors.map(kindOf));
    const [kind] = kinds;
    return kinds.size === 1 ? kind! : "several causes";
  }
  if (error instanceof ServerError) return `server error ${error.code}`;
  if (error instanceof DeliveryTimeoutError) return "timed out";
  if (error instanceof ConnectError) return "cannot connect";
  if (error instanceof ConnectionClosedError) return "connection closed";
  if (error instanceof QueueFullError) return "queue full";
  return error instanceof ProtocolError ? "protocol error" : error.name;
}
