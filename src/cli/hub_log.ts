/** The log of `hub`: what is worth a line, as text or as JSON. */

import {
  DeliveryLog,
  formatLogEntry,
  formatLogJson,
  LOG_LEVELS,
  type LogEntry,
  type LoggedDelivery,
  type LogLevel,
} from "../monitor/mod.ts";
import { printable } from "../protocol/printable.ts";
import { UsageError } from "./arguments.ts";
import { Log } from "./log.ts";
import type { Sink } from "./output.ts";

/** Options of {@linkcode HubLog}. */
export interface HubLogOptions {
  /** Lines of this level and above are written. */
  readonly level: LogLevel;
  readonly isJson: boolean;
  /** Called when the log cannot be written any more. */
  onFailure(error: Error): void;
}

/**
 * Reads `--log-level`.
 *
 * @throws {UsageError} if there is no such level.
 */
export function toLogLevel(text: string = "info"): LogLevel {
  const level = LOG_LEVELS.find((level) => level === text);
  if (level !== undefined) return level;
  throw new UsageError(
    `--log-level is ${JSON.stringify(text)}, expected ${LOG_LEVELS.join(", ")}`,
  );
}

/** Writes what becomes of deliveries, and warnings. */
export class HubLog {
  readonly #lines: Log;
  readonly #deliveries: DeliveryLog;
  readonly #level: LogLevel;
  readonly #format: (entry: LogEntry) => string;
  readonly #isJson: boolean;

  constructor(
    sink: Pick<Sink, "write">,
    { level, isJson, onFailure }: HubLogOptions,
  ) {
    this.#level = level;
    this.#isJson = isJson;
    this.#deliveries = new DeliveryLog({ level });
    this.#format = isJson ? formatLogJson : formatLogEntry;
    this.#lines = new Log(sink, {
      formatLost: (lost) =>
        this.#line("error", { lost }, `${lost} lines could not be logged`),
      onFailure,
    });
  }

  /** How many lines are lost and not reported in the log yet. */
  get lost(): number {
    return this.#lines.lost;
  }

  /** Takes a delivery that is over. */
  take(delivery: LoggedDelivery): void {
    for (const entry of this.#deliveries.take(delivery, Date.now())) {
      this.#lines.print(this.#format(entry));
    }
  }

  /** Writes a warning. */
  warn(warning: string): void {
    this.note("warn", { warning }, warning);
  }

  /** Writes a line: its members as JSON, or its text. */
  note(level: LogLevel, members: object, text: string): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#level)) return;
    this.#lines.print(this.#line(level, members, text));
  }

  /** Resolves when each line is written or counted as lost. */
  flush(): Promise<void> {
    return this.#lines.flush();
  }

  #line(level: LogLevel, members: object, text: string): string {
    const time = new Date().toISOString();
    return printable(
      this.#isJson
        ? JSON.stringify({ time, level, ...members })
        : `${time} ${level} ${text}`,
    );
  }
}
