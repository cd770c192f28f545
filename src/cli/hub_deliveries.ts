/** What becomes of the events that `hub` raises. */

import {
  type DeliveryReport,
  type EventInterface,
  type JsonText,
  parseSocket,
} from "../../mod.ts";
import type { DeliveryHook, DeliveryInfo } from "../monitor/mod.ts";
import { formatAddress } from "./address.ts";
import type { HubLog } from "./hub_log.ts";
import { outcomeOf } from "./outcome.ts";

/** Options of {@linkcode raiserOf}. */
export interface RaiserOptions {
  readonly isSync: boolean;
  /** Takes what becomes of each event at each subscriber. */
  readonly log: HubLog;
  /** Takes each delivery, if the Event Interface itself does not tell it. */
  readonly onDelivery: DeliveryHook;
}

/**
 * Makes a function that raises an event, and tells what becomes of it. Its promise
 * rejects if the params are wrong, and does not wait for deliveries.
 */
export function raiserOf(
  events: EventInterface,
  options: RaiserOptions,
): (event: string, params: JsonText) => Promise<unknown> {
  return (event, params) => {
    const raised = performance.now();
    const reports = events.raise(event, params);
    reports.then((all) => {
      for (const report of all) {
        tell({ event, params: params.text, report, raised }, options);
      }
    }, () => {}); // the caller is told
    return Promise.race([reports, undefined]);
  };

  function tell(
    { event, params, report, raised }: Settled,
    { log, onDelivery, isSync }: RaiserOptions,
  ): void {
    const { socket, error, ms } = report;
    const outcome = outcomeOf(report, isSync);
    log.take({ event, params, socket, outcome, error, ms });
    if (!tellsDeliveries(events)) {
      onDelivery(infoOf({ event, params, report, raised }, isSync));
    }
  }
}

interface Settled {
  readonly event: string;
  readonly params: string;
  readonly report: DeliveryReport;
  /** When it was raised, on the clock of `performance.now()`. */
  readonly raised: number;
}

/** Whether an Event Interface calls `onDelivery`: it came together with `deliver`. */
function tellsDeliveries(events: EventInterface): boolean {
  return "deliver" in events;
}

/** What `onDelivery` would tell, as far as a report has it. */
function infoOf(
  { event, report, raised }: Settled,
  isRequest: boolean,
): DeliveryInfo {
  const { socket, via = socket, error, ms } = report;
  return {
    event,
    socket: via,
    destination: destinationOf(via),
    count: 1,
    isRequest,
    outcome: outcomeOf(report, isRequest),
    ...error !== undefined && { error },
    queuedAt: raised,
    settledAt: raised + ms,
  };
}

function destinationOf(socket: string): string {
  if (socket.startsWith("virtual:")) return socket;
  const { host, port } = parseSocket(socket);
  return formatAddress({ hostname: host, port });
}
