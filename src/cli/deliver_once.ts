/** One event to one socket. */

import { isVirtual } from "../protocol/virtual_socket.ts";
import {
  EventClient,
  EventInterface,
  type EventInterfaceOptions,
  type EventParams,
  ParamsError,
} from "../../mod.ts";
import type { Outcome, Result } from "./outcome.ts";

/** The outcome of the event. */
export interface Delivered {
  readonly outcome: Outcome;
  /** The server's result, as it came. */
  readonly result: Result;
  readonly error: Error | undefined;
  /** Of a virtual socket, the one that delivered the event. */
  readonly via: string | undefined;
  readonly ms: number;
  readonly bytes: number;
}

/**
 * Delivers an event, and closes the connection.
 *
 * Rejects with {@linkcode ParamsError} if the params are wrong, and never because
 * the event is not delivered.
 */
export function deliverOnce(
  socket: string,
  event: string,
  params: EventParams,
  options: EventInterfaceOptions,
): Promise<Delivered> {
  return isVirtual(socket)
    ? deliverVirtual(socket, event, params, options)
    : deliverPlain(socket, event, params, options);
}

async function deliverPlain(
  socket: string,
  event: string,
  params: EventParams,
  { onWarning: _, ...options }: EventInterfaceOptions,
): Promise<Delivered> {
  const client = new EventClient(socket, options);
  const start = performance.now();
  let outcome: Outcome = options.syncMode ? "confirmed" : "sent";
  let result: Result, error: Error | undefined;
  try {
    result = await client.raise(event, params, { rawResult: true });
  } catch (failure) {
    if (failure instanceof ParamsError) throw failure;
    outcome = "failed";
    error = failure as Error;
  }
  const ms = performance.now() - start;
  await client.close();
  const { bytes } = client.stats;
  return { outcome, result, error, via: undefined, ms, bytes };
}

async function deliverVirtual(
  socket: string,
  event: string,
  params: EventParams,
  options: EventInterfaceOptions,
): Promise<Delivered> {
  const events = new EventInterface(options);
  events.subscribe(event, socket);
  const [report] = await events.raise(event, params);
  const bytes = events.stats().reduce((sum, { bytes }) => sum + bytes, 0);
  await events.close();
  const { outcome, result, error, via, ms } = report!;
  return { outcome, result, error, via, ms, bytes };
}
