/** Puts the events of lines into an outbox, and counts up to which all are safe. */

import { ParamsError, SocketSyntaxError } from "../../mod.ts";
import { type Outbox, OutboxFullError, StoreError } from "../outbox/mod.ts";
import { UsageError } from "./arguments.ts";
import { type EventLine, parseEventLine } from "./event_line.ts";
import { LineError } from "./lines.ts";
import { checkEvent } from "./outbox_file.ts";

/** How many lines are kept in one go. */
const LINES_AT_ONCE = 1000;
/** After how many milliseconds an event is raised again for which there was no room. */
const RETRY_MS = 200;

/** How lines are kept. */
export interface KeepSettings {
  readonly outbox: Outbox;
  readonly socket: string;
  readonly eventParam: string | undefined;
  /** Whether a wrong line is the last one. */
  readonly isStrict: boolean;
  /** Ends the waiting for room. */
  readonly signal: AbortSignal;
  /** Told when all lines up to this one are safe, or were found wrong. */
  safe(line: number): Promise<void> | undefined;
  /** Told of a wrong line. */
  wrong(number: number, line: string | LineError, problem: string): void;
  /** Told, once, that there is no room; the event is tried again. */
  full(error: Error): void;
}

/** A line of which the event is to be kept. */
interface Kept extends EventLine {
  readonly number: number;
  readonly line: string;
}

/** Takes lines in their order. */
export class KeepRun {
  /** How many lines were taken; all of them are safe, or were found wrong. */
  lines = 0;
  /** How many of them are kept, or were before. */
  events = 0;
  badLines = 0;
  /** Whether no more lines are to be taken. */
  isOver = false;
  readonly #settings: KeepSettings;
  #isFull = false;

  constructor(settings: KeepSettings) {
    this.#settings = settings;
  }

  /** Resolves when the lines are safe. Rejects if the outbox cannot keep them. */
  async take(lines: readonly (string | LineError)[]): Promise<void> {
    const { isStrict, signal, safe } = this.#settings;
    const step = isStrict ? 1 : LINES_AT_ONCE;
    for (let i = 0; i < lines.length; i += step) {
      const before = this.lines;
      const isAll = await this.#takeAtOnce(lines.slice(i, i + step));
      if (this.lines > before) await safe(this.lines);
      if (!isAll || signal.aborted) return;
    }
  }

  /** Returns whether all of them are safe. */
  async #takeAtOnce(lines: readonly (string | LineError)[]): Promise<boolean> {
    const kept: Kept[] = [];
    const before = this.lines;
    for (const [i, line] of lines.entries()) {
      const number = before + i + 1;
      const event = this.#parse(number, line);
      if (event !== undefined) kept.push(event);
    }
    // All in one turn, so that they are stored together.
    const outcomes = await Promise.allSettled(
      kept.map((event) => this.#raise(event, event.key)),
    );
    // One after the other, so that the order stays.
    for (const [i, outcome] of outcomes.entries()) {
      const event = kept[i]!;
      if (outcome.status === "fulfilled") this.events++;
      else if (!await this.#again(event, outcome.reason)) return false;
      if (!this.isOver) this.lines = event.number;
    }
    if (this.isOver) return false;
    this.lines = before + lines.length;
    return true;
  }

  #parse(number: number, line: string | LineError): Kept | undefined {
    if (line instanceof LineError) {
      this.#wrong(number, line, line.message);
      return undefined;
    }
    if (line.trim() === "") return undefined;
    try {
      const parsed = parseEventLine(line, true);
      checkEvent(parsed.event, parsed.params, this.#settings.eventParam);
      return { ...parsed, number, line };
    } catch (error) {
      this.#wrong(number, line, (error as Error).message);
      return undefined;
    }
  }

  #raise({ event, params }: Kept, key: string | undefined): Promise<string> {
    const { outbox, socket } = this.#settings;
    return outbox.raise(event, params, { key, socket });
  }

  /** Raises an event until it is kept; returns false if that is given up. */
  async #again(kept: Kept, error: unknown): Promise<boolean> {
    const { signal } = this.#settings;
    for (;;) {
      if (isWrong(error)) {
        this.#wrong(kept.number, kept.line, (error as Error).message);
        return true;
      }
      if (!mayPass(error)) throw error;
      if (!this.#isFull) this.#settings.full(error as Error);
      this.#isFull = true;
      await pause(RETRY_MS, signal);
      if (signal.aborted) return false;
      const key = error instanceof OutboxFullError ? error.key : kept.key;
      try {
        await this.#raise(kept, key);
        this.#isFull = false;
        this.events++;
        return true;
      } catch (again) {
        error = again;
      }
    }
  }

  #wrong(number: number, line: string | LineError, problem: string): void {
    this.badLines++;
    this.#settings.wrong(number, line, problem);
    if (this.#settings.isStrict) this.isOver = true;
  }
}

/** Whether an error says that the line is wrong. */
function isWrong(error: unknown): boolean {
  return error instanceof ParamsError || error instanceof TypeError ||
    error instanceof UsageError || error instanceof SocketSyntaxError;
}

/** Whether what an outbox cannot do now, it may soon. */
function mayPass(error: unknown): boolean {
  return error instanceof OutboxFullError ||
    error instanceof StoreError &&
      (error.reason === "full" || error.reason === "busy");
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
