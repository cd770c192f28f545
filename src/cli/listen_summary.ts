/** What came in while `listen` ran. */

import type { Address } from "../../mod.ts";
import type { EventWatcher } from "../monitor/mod.ts";
import type { Watcher } from "./watcher.ts";

/** How many names and peers are told apart: a peer may send any. */
const MAX_KNOWN = 1000;
/** How many names and peers are printed. */
const MAX_NAMES = 20, MAX_PEERS = 5;

/** Counts events by their names, peers, and what is refused. */
export class Summary implements Watcher {
  readonly #names = new Map<string, number>();
  readonly #peers = new Set<string>();
  #events = 0;
  #refused = 0;

  readonly watch: EventWatcher = ({ method, peer }) => {
    this.#events++;
    const count = this.#names.get(method);
    if (count !== undefined || this.#names.size < MAX_KNOWN) {
      this.#names.set(method, (count ?? 0) + 1);
    }
    this.#meet(peer);
    return undefined;
  };

  refuse(_reason: string, peer: Address): void {
    this.#refused++;
    this.#meet(peer);
  }

  /** A line for all, and one for each name, the most frequent first. */
  summary(): string[] {
    const names = [...this.#names].sort(([, a], [, b]) => b - a);
    const shown = names.slice(0, MAX_NAMES);
    const others = this.#events -
      shown.reduce((sum, [, count]) => sum + count, 0);
    const counts: [string, number][] = others > 0
      ? [...shown, ["others", others]]
      : shown;
    const width = String(Math.max(0, ...counts.map(([, n]) => n))).length;
    return [
      `${this.#events} ${this.#events === 1 ? "event" : "events"}, ` +
      `${this.#refused} refused, ${this.#from()}`,
      ...counts.map(([name, n]) => `  ${String(n).padStart(width)}  ${name}`),
    ];
  }

  #from(): string {
    const peers = [...this.#peers];
    if (peers.length === 0) return "no peers";
    const shown = peers.slice(0, MAX_PEERS).join(", ");
    const more = peers.length - MAX_PEERS;
    return `from ${shown}${more > 0 ? ` and ${more} more` : ""}`;
  }

  #meet({ hostname }: Address): void {
    if (this.#peers.size < MAX_KNOWN) this.#peers.add(hostname);
  }
}
