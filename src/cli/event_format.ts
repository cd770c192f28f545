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
  return printable(id === null ? line : `${line} id ${idText(id)}`);
}

/**
 * One JSON object. Its params are as they came; if a terminal would act upon some
 * of them, or they are on several lines, they are escaped, and as they came in
 * the member `paramsText`.
 */
export function formatJson(event: ReceivedEvent): string {
  const { method, id, peer } = event;
  const params = paramsTextOf(event);
  const shown = printableJson(params);
  const text = shown === params
    ? ""
    : `,"paramsText":${printable(JSON.stringify(params))}`;
  const before = `{"method":${printable(JSON.stringify(method))},"params":`;
  const after = `,"id":${idText(id)},"peer":${
    JSON.stringify(formatAddress(peer))
  },"time":${JSON.stringify(new Date())}`;
  return `${before}${shown}${printable(after)}${text}}`;
}

function idText(id: ReceivedEvent["id"] | bigint): string {
  return typeof id === "bigint" ? `${id}` : JSON.stringify(id);
}

/** The params as JSON, as they came. */
function paramsTextOf(event: ReceivedEvent): string {
  const { paramsText } = event as { paramsText?: string };
  return paramsText ?? JSON.stringify(event.params);
}
