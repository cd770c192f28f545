/** What a watcher of `listen` is. */

import type { Address, EventServer } from "../../mod.ts";
import type { EventWatcher } from "../monitor/mod.ts";

/** Something that sees the events of a listener. */
export interface Watcher {
  /** Goes before the handler. */
  readonly watch: EventWatcher;
  /** Takes that something was refused. */
  refuse?(reason: string, peer: Address): void;
  /**
   * Begins its work; returns what to say of it.
   *
   * @throws {ListenError} if it cannot listen.
   */
  begin?(server: EventServer): string | undefined;
  /** Ends its work. */
  end?(): Promise<void>;
  /** What it has to say at the end. */
  summary?(): readonly string[];
}
