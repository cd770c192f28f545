/** Raises the events of lines, and counts their outcomes. */

import {
  buildMessage,
  type DeliveryReport,
  type EventInterface,
} from "../../mod.ts";
import type { FailedFile } from "./failed_file.ts";
import type { Failures } from "./failures.ts";
import { type EventLine, parseEventLine } from "./event_line.ts";
import { LineError } from "./lines.ts";
import { exitCodeOf, explain, worse } from "./outcome.ts";
import type { Outage } from "./outage.ts";

/** How many names of events are kept; the one that came first has to go. */
const MAX_NAMES = 1000;
/** How many characters of lines may be under way, beside the window. */
const MAX_LENGTH_UNDER_WAY = 4 * 1024 * 1024;
/** Any, to see whether params are right: they are the same for all. */
const DIALECT = { protocol: "jsonrpc" } as const;

/** How lines are raised. */
export interface PumpSettings {
  readonly events: EventInterface;
  readonly socket: string;
  readonly eventParam: string | undefined;
  /** How many events may be under way. */
  readonly window: number;
  /** Whether a wrong line is the last one. */
  readonly isStrict: boolean;
  readonly failures: Failures;
  readonly outage: Outage;
  /** Takes the lines that failed, if they are to be kept. */
  readonly failedFile: FailedFile | undefined;
  /** Makes the hint that follows an error. */
  hintOf(error: unknown): string;
}

/** Counters of lines and events. */
export interface PumpCounts {
  lines: number;
  events: number;
  sent: number;
  confirmed: number;
  failed: number;
  badLines: number;
}

/** Raises the events of lines, a number of them at a time. */
export class PumpRun {
  readonly counts: PumpCounts = {
    lines: 0,
    events: 0,
    sent: 0,
    confirmed: 0,
    failed: 0,
    badLines: 0,
  };
  /** The worst that happened. */
  code = 0;
  /** Whether no more lines are to be taken. */
  isOver = false;
  /** How many events are under way. */
  underWay = 0;
  readonly #settings: PumpSettings;
  readonly #subscribed = new Set<string>();
  #lengthUnderWay = 0;
  #room = Promise.withResolvers<void>();
  #last: Batch | undefined;

  constructor(settings: PumpSettings) {
    this.#settings = settings;
  }

  /** Resolves when one more line may be taken. */
  async waitForRoom(): Promise<void> {
    while (!this.hasRoom) {
      this.#room = Promise.withResolvers();
      await this.#room.promise;
    }
  }

  /** Whether one more line may be taken now. */
  get hasRoom(): boolean {
    return this.underWay < this.#settings.window &&
      this.#lengthUnderWay <= MAX_LENGTH_UNDER_WAY;
  }

  /** Raises the event of a line. */
  take(line: string | LineError): void {
    const number = ++this.counts.lines;
    if (line instanceof LineError) {
      return this.#badLine(number, line, line.message);
    }
    if (line.trim() === "") return;
    const { events, isStrict, eventParam } = this.#settings;
    let parsed: EventLine;
    try {
      parsed = parseEventLine(line);
      if (isStrict) { // else wrong params are known after other lines only
        buildMessage(DIALECT, parsed.event, parsed.params, {
          ...eventParam !== undefined && { eventParam },
        });
      }
      this.#subscribe(parsed.event);
    } catch (error) {
      return this.#badLine(number, line, (error as Error).message);
    }
    this.underWay++;
    this.#lengthUnderWay += line.length;
    const reports = events.raise(parsed.event, parsed.params);
    if (reports !== this.#last?.reports) {
      this.#last = { reports, numbers: [], lines: [], length: 0 };
      this.#settle(this.#last);
    }
    this.#last.numbers.push(number);
    if (this.#settings.failedFile !== undefined) this.#last.lines.push(line);
    this.#last.length += line.length;
  }

  #subscribe(event: string): void {
    if (this.#subscribed.has(event)) return;
    const { events, socket } = this.#settings;
    events.subscribe(event, socket);
    this.#subscribed.add(event);
    if (this.#subscribed.size <= MAX_NAMES) return;
    const [first] = this.#subscribed;
    this.#subscribed.delete(first!);
    events.unpublish(first!);
  }

  /** Waits for the events of a batch: to wait for each costs time and memory. */
  async #settle(batch: Batch): Promise<void> {
    try {
      const [report] = await batch.reports;
      this.#count(batch, report!);
    } catch (error) {
      for (const [i, number] of batch.numbers.entries()) {
        this.#badLine(number, batch.lines[i], (error as Error).message);
      }
    }
    if (batch === this.#last) this.#last = undefined;
    this.underWay -= batch.numbers.length;
    this.#lengthUnderWay -= batch.length;
    this.#room.resolve();
  }

  #count({ numbers, lines }: Batch, report: DeliveryReport): void {
    const { failures, outage, failedFile, hintOf } = this.#settings;
    const { outcome } = report;
    this.counts.events += numbers.length;
    this.counts[outcome] += numbers.length;
    const now = performance.now();
    const { error } = report;
    if (error === undefined) {
      outage.succeeded(now);
      failures.succeeded();
      return;
    }
    outage.failed(error, numbers.length, now);
    failedFile?.write(lines);
    const problem = explain(error) + hintOf(error);
    this.code = worse(this.code, exitCodeOf(error));
    for (const number of numbers) failures.failed(`line ${number}: ${problem}`);
  }

  #badLine(
    number: number,
    line: string | LineError | undefined,
    problem: string,
  ): void {
    this.counts.badLines++;
    this.code = worse(this.code, 2);
    this.#settings.failures.failed(`line ${number}: ${problem}`);
    if (line !== undefined) this.#settings.failedFile?.write([line]);
    if (this.#settings.isStrict) this.isOver = true;
  }
}

/** Lines whose events were raised in one go. */
interface Batch {
  readonly reports: Promise<readonly DeliveryReport[]>;
  readonly numbers: number[];
  /** The lines, if those that fail are to be kept. */
  readonly lines: string[];
  /** How many characters the lines have. */
  length: number;
}
