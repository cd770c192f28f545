/** How events are delivered: the options that `raise`, `pump` and `hub` share. */

import { MAX_TIMEOUT_MS } from "../protocol/checks.ts";
import type { EventInterfaceOptions, EventSocket } from "../../mod.ts";
import {
  type Arguments,
  type OptionKinds,
  toInteger,
  UsageError,
} from "./arguments.ts";

const TLS_OPTIONS = ["ca", "cert", "key", "server-name"];

/** See `toDeliveryOptions`. */
export const DELIVERY_OPTIONS: OptionKinds = {
  sync: "flag",
  timeout: "text",
  "event-param": "text",
  delimiter: "text",
  ca: "text",
  cert: "text",
  key: "text",
  "server-name": "text",
};

/**
 * Reads the options; `sockets` are those that events can go to, absent if they
 * come later.
 *
 * @throws {UsageError} if one is wrong.
 */
export async function toDeliveryOptions(
  { has, text }: Arguments,
  sockets?: readonly EventSocket[],
): Promise<EventInterfaceOptions> {
  const timeoutMs = toInteger(text("timeout"), "--timeout", 1, MAX_TIMEOUT_MS);
  const eventParam = text("event-param");
  const delimiter = toDelimiter(text("delimiter"));
  const tls = TLS_OPTIONS.some((name) => text(name) !== undefined)
    ? (await import("./tls.ts")).toTls(text, sockets)
    : undefined;
  return {
    syncMode: has("sync"),
    ...timeoutMs !== undefined && { timeoutMs },
    ...eventParam !== undefined && { eventParam },
    ...delimiter !== undefined && { delimiter },
    ...tls !== undefined && { tls },
  };
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\n": "\n",
  "\\r": "\r",
  "\\t": "\t",
};

/** Reads `--delimiter`, in which `\n`, `\r` and `\t` stand for white space. */
function toDelimiter(given: string | undefined): string | undefined {
  const delimiter = given?.replace(/\\[nrt]/g, (escape) => ESCAPES[escape]!);
  if (delimiter === undefined || /^[ \t\r\n]+$/.test(delimiter)) {
    return delimiter;
  }
  throw new UsageError(
    String.raw`--delimiter is ${
      JSON.stringify(given)
    }, expected white space: blanks, \n, \r or \t`,
  );
}
