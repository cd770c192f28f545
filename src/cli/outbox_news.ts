/** What an outbox has to tell who runs the command. */

import { ServerError } from "../../mod.ts";
import type { KeptEvent, Outbox } from "../outbox/mod.ts";
import { explain } from "./outcome.ts";

/** Told what happens. */
export interface OutboxNews {
  /** An event was set aside; or it is the first that does not reach its target. */
  failed(event: KeptEvent, error: unknown, isSetAside: boolean): void;
  /** A target is there again after so many milliseconds. */
  recovered(target: string, ms: number): void;
  /** The file cannot be used as it should. */
  problem(error: Error): void;
}

/** Tells of each time in which a target is not reached once, and when it ends. */
export function watchOutbox(outbox: Outbox, news: OutboxNews): void {
  /** Since when a target is not reached. */
  const down = new Map<string, number>();
  const reached = (target: string) => {
    const since = down.get(target);
    if (since === undefined) return;
    down.delete(target);
    news.recovered(target, performance.now() - since);
  };
  outbox.addEventListener("postponed", ({ detail: { event, error } }) => {
    if (down.has(event.target)) return;
    down.set(event.target, performance.now());
    news.failed(event, error, false);
  });
  outbox.addEventListener("aside", ({ detail: { event, error } }) => {
    news.failed(event, error, true);
  });
  outbox.addEventListener("delivered", ({ detail: { target } }) => {
    reached(target);
  });
  outbox.addEventListener("error", ({ detail: { error } }) => {
    news.problem(error as Error);
  });
}

/** A delivery that failed, as a sentence. */
export function failureText(
  { event, target, key }: KeptEvent,
  error: unknown,
  isSetAside: boolean,
): string {
  const problem = explain(error);
  // Most errors name the event; a server's own does not.
  const text = error instanceof ServerError
    ? `Cannot deliver ${JSON.stringify(event)} to ${target}: ${problem}`
    : problem;
  const then = isSetAside ? "it is set aside" : "it is kept, and tried again";
  return `${text}; ${then} (key ${JSON.stringify(key)})`;
}

/** A target that is reached again, as a sentence. */
export function recoveryText(target: string, ms: number): string {
  return `${target} is reached again after ${(ms / 1000).toFixed(1)} s`;
}

/** How many events are kept, as a sentence; nothing if there are none. */
export function keptMessage(
  { kept, setAside }: { kept: number; setAside: number },
  path: string,
): string | undefined {
  const parts = [
    ...kept > 0 ? [`${count(kept)} kept for the next start`] : [],
    ...setAside > 0
      ? [
        `${count(setAside)} set aside, see "event-jsonrpc outbox list ${path}"`,
      ]
      : [],
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}

function count(events: number): string {
  return events === 1 ? "1 event is" : `${events} events are`;
}
