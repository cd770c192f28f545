/** A received event as a line. */

import type { ReceivedEvent } from "../../mod.ts";
import { formatAddress } from "./address.ts";
import { printable, printableJson } from "./printable.ts";

/** Makes a line of an event. */
export type EventFormat = (event: ReceivedEvent) => string;

/** `method params`, and the id of a request. */
export function formatLine(event: ReceivedEvent): string {
  const { method, id } = event;
  const line = `${method} ${paramsTextOf(event).replace(/[\t\n\r]/g, " ")}`;
  return printable(id === null ? line : `${line} id ${JSON.stringify(id)}`);
}

/** One JSON object, whose params are as they came. */
export function formatJson(event: ReceivedEvent): string {
  const { method, id, peer } = event;
  return printableJson(
    `{"method":${JSON.stringify(method)},"params":${paramsTextOf(event)},"id":${
      JSON.stringify(id)
    },"peer":${JSON.stringify(formatAddress(peer))},"time":${
      JSON.stringify(new Date())
    }}`,
  );
}

/** The params as JSON, as they came. */
function paramsTextOf(event: ReceivedEvent): string {
  const { paramsText } = event as { paramsText?: string };
  return paramsText ?? JSON.stringify(event.params);
}
