/** What sees the events of `listen`, beside what prints them. */

import type { Address, EventHandler, EventServer } from "../../mod.ts";
import { type Arguments, type OptionKinds, UsageError } from "./arguments.ts";
import { isTelemetryOn } from "./telemetry.ts";
import type { Watcher } from "./watcher.ts";

/** See `watchOf`. */
export const WATCH_OPTIONS: OptionKinds = {
  verbose: "flag",
  page: "text",
  token: "text",
  metrics: "text",
};

/** All watchers of a listener. */
export class Watch {
  readonly #watchers: readonly Watcher[];
  readonly #handle: EventHandler;

  constructor(watchers: readonly Watcher[], handle: EventHandler) {
    this.#watchers = watchers;
    this.#handle = handle;
  }

  /** The handler, with the watchers before it. */
  get handle(): EventHandler {
    return this.#handle;
  }

  /** Takes that something was refused. */
  refuse(reason: string, peer: Address): void {
    for (const watcher of this.#watchers) watcher.refuse?.(reason, peer);
  }

  /**
   * Begins; returns what to say.
   *
   * @throws {ListenError} if one cannot listen.
   */
  begin(server: EventServer): string[] {
    return this.#watchers.map((watcher) => watcher.begin?.(server))
      .filter((line) => line !== undefined);
  }

  /** Ends all that they do. */
  async end(): Promise<void> {
    await Promise.all(this.#watchers.map((watcher) => watcher.end?.()));
  }

  /** What they have to say at the end. */
  summary(): string[] {
    return this.#watchers.flatMap((watcher) => watcher.summary?.() ?? []);
  }
}

/**
 * Puts the watchers that are asked for before a handler. They are loaded only
 * then. `tell` takes what `--verbose` says.
 *
 * @throws {UsageError} if an option is wrong.
 */
export async function watchOf(
  { has, text }: Arguments,
  handle: EventHandler,
  tell: (line: string) => void,
): Promise<Watch> {
  const page = text("page"), token = text("token"), metrics = text("metrics");
  if (token !== undefined && page === undefined) {
    throw new UsageError("--token is given without --page, which it is for");
  }
  const watchers: Watcher[] = [];
  if (page !== undefined) {
    const { servePage } = await import("./listen_page.ts");
    watchers.push(servePage(page, token));
  }
  if (metrics !== undefined) {
    const { serveMetrics } = await import("./listen_metrics.ts");
    watchers.push(serveMetrics(metrics));
  }
  if (has("verbose")) {
    const { Verbose } = await import("./listen_verbose.ts");
    watchers.push(new Verbose(tell));
  }
  if (has("verbose") || Deno.stdout.isTerminal()) {
    const { Summary } = await import("./listen_summary.ts");
    watchers.push(new Summary());
  }
  if (isTelemetryOn()) {
    const { startTelemetry } = await import("../monitor/mod.ts");
    const telemetry = startTelemetry();
    if (telemetry !== undefined) watchers.push(telemetry);
  }
  if (watchers.length === 0) return new Watch([], handle);
  const { watchHandler } = await import("../monitor/mod.ts");
  const watched = watchHandler(handle, ...watchers.map(({ watch }) => watch));
  return new Watch(watchers, watched as EventHandler);
}
