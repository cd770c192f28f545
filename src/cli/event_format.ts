/** A received event as a line. */

import type { ReceivedEvent } from "../../mod.ts";
import { formatAddress } from "../protocol/socket.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { terminalColumns } from "./output.ts";
import { printable, printableJson } from "../protocol/printable.ts";

/** Makes what is printed of an event. */
export type EventFormat = (event: ReceivedEvent) => string;

/**
 * How `--json` and `--raw` want events to be printed; without them as people like
 * to read them on a terminal, and elsewhere each as a line.
 *
 * @throws {UsageError} if both are given.
 */
export async function formatOf({ has }: Arguments): Promise<EventFormat> {
  if (has("json") && has("raw")) {
    throw new UsageError("--json and --raw are given, expected one of them");
  }
  if (has("json")) return formatJson;
  if (has("raw")) return formatRaw;
  if (!Deno.stdout.isTerminal()) return formatLine;
  const { formatEvent } = await import("../monitor/mod.ts");
  return ({ method, paramsText, id, peer }) =>
    formatEvent({
      method,
      params: paramsText,
      id: id === null ? undefined : idText(id),
      peer,
      time: new Date(),
    }, { color: !Deno.noColor, columns: terminalColumns() });
}

/** `method params`, and the id of a request. */
function formatLine(event: ReceivedEvent): string {
  const { method, id } = event;
  const line = `${method} ${event.paramsText.replace(/[\t\n\r]/g, " ")}`;
  return printable(id === null ? line : `${line} id ${idText(id)}`);
}

/**
 * One JSON object. Its params are as they came; if a terminal would act upon some
 * of them, or they are on several lines, they are escaped, and as they came in
 * the member `paramsText`.
 */
export function formatJson(event: ReceivedEvent): string {
  const { method, id, peer } = event;
  const params = event.paramsText;
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

/**
 * The message as it came. What a terminal would act upon is escaped, and line
 * breaks are blanks: it is the same JSON.
 */
function formatRaw({ text }: ReceivedEvent): string {
  return printableJson(text);
}

/** The id of an event as JSON. */
export function idText(id: ReceivedEvent["id"]): string {
  return typeof id === "bigint" ? `${id}` : JSON.stringify(id);
}
