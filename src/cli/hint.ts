/** The likely cause of a failed delivery, for who raises an event by hand. */

import {
  ConnectError,
  DeliveryTimeoutError,
  type EventSocket,
  ServerError,
} from "../../mod.ts";
import { formatAddress } from "../protocol/socket.ts";

/** What was raised. */
export interface Raised {
  /** Its sockets: several of a virtual one. */
  readonly sockets: readonly EventSocket[];
  readonly isSync: boolean;
  readonly delimiter: string | undefined;
  readonly event?: string;
  /** As JSON. */
  readonly params?: string;
}

/** How much of the params a hint shows. */
const MAX_SHOWN = 200;

/** What may be the cause of an error, and what helps: `; …`, or nothing. */
export function hintOf(error: unknown, raised: Raised): string {
  const [socket] = raised.sockets;
  // The error of a virtual socket tells of several.
  if (socket === undefined || raised.sockets.length > 1) return "";
  const hint = hintFor(error, socket, raised);
  return hint === "" ? "" : `; ${hint}`;
}

function hintFor(error: unknown, socket: EventSocket, raised: Raised): string {
  const { host, port, method } = socket;
  if (error instanceof ServerError) {
    if (error.code === -32601) {
      const name = method ?? raised.event;
      const was = name === undefined
        ? ""
        : `the method was ${JSON.stringify(name)}: `;
      const address = formatAddress({ hostname: host, port });
      return `${was}another method can follow the port, as in jsonrpc:${address}/method`;
    }
    if (error.code !== -32602 || raised.params === undefined) return "";
    const { length } = raised.params;
    const params = length > MAX_SHOWN
      ? `${raised.params.slice(0, MAX_SHOWN)}…`
      : raised.params;
    return `the params were ${params}: do names, types and order fit?`;
  }
  if (error instanceof DeliveryTimeoutError) {
    return raised.isSync && error.mayHaveArrived &&
        raised.delimiter === undefined
      ? String.raw`a server that reads lines needs --delimiter '\n'`
      : "";
  }
  if (!(error instanceof ConnectError)) return "";
  const { cause } = error;
  if (cause instanceof Deno.errors.ConnectionRefused) {
    return `is a server listening at port ${port}? "event-jsonrpc listen ${port}" is one`;
  }
  return /lookup|resolve|not known/i.test(String(cause))
    ? `is the name ${JSON.stringify(host)} right?`
    : "";
}
