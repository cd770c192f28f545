/** What `hub` serves by HTTP: its page, management, health and metrics. */

import type { Address, EventInterface } from "../../mod.ts";
import {
  type DeliveryTally,
  hubMetrics,
  type Operations,
  operationsHandler,
  pageForHub,
  pageUrl,
} from "../monitor/mod.ts";
import { type ManagementOptions, manageOverHttp } from "../opensips/mod.ts";
import { formatAddress } from "../protocol/socket.ts";
import type { Arguments, OptionKinds } from "./arguments.ts";
import type { HubOutbox } from "./hub_outbox.ts";
import {
  type HttpService,
  serveHttp,
  toHttpAddress,
  toToken,
} from "./http_service.ts";

/** See `hubHttpOf`. */
export const HUB_HTTP_OPTIONS: OptionKinds = { token: "text", metrics: "text" };

/** What is served by HTTP. */
export interface HubHttp {
  /** What to say of it. */
  readonly said: readonly string[];
  /** Takes no more requests, and waits for those under way, but not for long. */
  end(): Promise<void>;
}

/** What a hub has. */
export interface Hub {
  readonly events: EventInterface;
  readonly tally: DeliveryTally;
  readonly outbox: HubOutbox | undefined;
  readonly management: ManagementOptions;
}

/**
 * Reads `--token` and `--metrics`; makes the function that serves a hub at an
 * address.
 *
 * @throws {UsageError} if one is wrong.
 */
export function hubHttpOf(
  { text }: Arguments,
  address: Address,
): (hub: Hub) => HubHttp {
  const token = toToken(address.hostname, text("token"));
  const metrics = text("metrics");
  const metricsAddress = metrics === undefined
    ? undefined
    : toHttpAddress("--metrics", metrics);
  return ({ events, tally, outbox, management }) => {
    const view = outbox?.view;
    const stopping = new AbortController();
    const { signal } = stopping;
    const operations: Operations = {
      metrics: () => hubMetrics(events, tally, view),
      notReady: () => [
        ...signal.aborted ? ["it is stopping"] : [],
        ...outbox?.problem === undefined ? [] : [outbox.problem],
      ],
    };
    const services: HttpService[] = [];
    const hub = serveHttp(
      address,
      pageForHub(events, tally, {
        token,
        signal,
        operations,
        outbox: view,
        fallback: manageOverHttp(events, { ...management, outbox }),
      }),
    );
    services.push(hub);
    const said = [`listening at http://${formatAddress(hub.addr)}`];
    if (token !== undefined) {
      said.push(
        `page at ${pageUrl(hub.addr, token)}; management needs this token too`,
      );
    }
    if (metricsAddress !== undefined) {
      const service = serveHttp(metricsAddress, operationsHandler(operations));
      services.push(service);
      said.push(`metrics at http://${formatAddress(service.addr)}/metrics`);
    }
    return {
      said,
      async end() {
        stopping.abort(); // else the streams to viewers hold it up
        await Promise.all(services.map((service) => service.end()));
      },
    };
  };
}
