/** What becomes of the events that `hub` raises. */

import type { EventInterface } from "../../mod.ts";
import type { RaiseEvent } from "../opensips/mod.ts";
import type { HubLog } from "./hub_log.ts";

/**
 * Makes a function that raises an event, and logs what becomes of it at each
 * subscriber. Its promise rejects if the params are wrong, and does not wait for
 * deliveries.
 */
export function raiserOf(events: EventInterface, log: HubLog): RaiseEvent {
  return (event, params) => {
    const reports = events.raise(event, params);
    reports.then((all) => {
      for (const { socket, outcome, error, ms } of all) {
        log.take({ event, params: params.text, socket, outcome, error, ms });
      }
    }, () => {}); // the caller is told
    return Promise.race([reports, undefined]);
  };
}
