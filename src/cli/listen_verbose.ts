/** `listen --verbose`: who connects, and what is responded. */

import { type EventServer, ServerError } from "../../mod.ts";
import type { EventWatcher } from "../monitor/mod.ts";
import { formatAddress } from "../protocol/socket.ts";
import { idText } from "./event_format.ts";
import { type Result, resultText } from "./outcome.ts";
import type { Watcher } from "./watcher.ts";

/** How much of a response is shown. */
const MAX_SHOWN = 200;

/** Tells of connections and responses, a line for each. */
export class Verbose implements Watcher {
  readonly watch: EventWatcher;
  readonly #tell: (line: string) => void;

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
    this.watch = ({ method, id, peer }) => {
      if (id === null) return undefined; // nothing is responded
      return ({ result, error, ms }) => {
        const response = error === undefined
          ? resultText(result as Result ?? null)
          : errorText(error);
        const shown = response.length > MAX_SHOWN
          ? `${response.slice(0, MAX_SHOWN)}…`
          : response;
        tell(
          `responded to ${formatAddress(peer)}, ${method} id ${
            idText(id)
          }: ${shown} (${ms.toFixed(1)} ms)`,
        );
      };
    };
  }

  begin(server: EventServer): undefined {
    server.addEventListener("connect", ({ detail: { peer } }) => {
      this.#tell(`${formatAddress(peer)} connected`);
    });
    server.addEventListener("disconnect", ({ detail: { peer } }) => {
      this.#tell(`${formatAddress(peer)} disconnected`);
    });
  }
}

function errorText(error: unknown): string {
  return error instanceof ServerError
    ? `error ${error.code}: ${error.message}`
    : "error -32603: Internal error";
}
