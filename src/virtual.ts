/**
 * Several sockets as one, for failover and balancing:
 * `virtual:POLICY socket socket …`, as OpenSIPS's `event_virtual` has it.
 *
 * @module
 */

import {
  brief,
  DeliveryError,
  ServerError,
  SocketSyntaxError,
} from "./errors.ts";
import type { JsonValue } from "./message.ts";
import { type EventSocket, formatSocket, parseSocket } from "./socket.ts";

/**
 * How an event is delivered to several sockets. `PARALLEL` tells all of them,
 * whatever becomes of one. `FAILOVER` tries them in order until one delivers.
 * `ROUND-ROBIN` takes the next at each event, whether the last one worked or
 * not.
 */
export type Policy = "PARALLEL" | "FAILOVER" | "ROUND-ROBIN";

/** The parts of a virtual socket. */
export interface VirtualSocket {
  /** How events are delivered. */
  policy: Policy;
  /** The sockets, of which there is at least one. */
  sockets: EventSocket[];
}

const PREFIX = "virtual:";
const POLICIES = ["PARALLEL", "FAILOVER", "ROUND-ROBIN"];

/** Whether `text` is meant to be a virtual socket. */
export function isVirtual(text: string): boolean {
  return typeof text === "string" && text.startsWith(PREFIX);
}

/**
 * Parses a virtual socket. Between its parts stand any spaces and tabs, so the
 * method of a socket in it cannot contain any.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseVirtualSocket } from "./virtual.ts";
 *
 * const { policy, sockets } = parseVirtualSocket(
 *   "virtual:FAILOVER jsonrpc:10.0.0.1:8080 jsonrpc:10.0.0.2:8080",
 * );
 * assertEquals([policy, sockets.length], ["FAILOVER", 2]);
 * ```
 *
 * @throws {SocketSyntaxError} if `text` is not a virtual socket, or one of its
 * sockets is wrong; the error says where, and what was expected there.
 */
export function parseVirtualSocket(text: string): VirtualSocket {
  if (!isVirtual(text)) throw new SocketSyntaxError(text, 0, `"${PREFIX}"`);
  const [first, ...rest] = text.slice(PREFIX.length).matchAll(/[^ \t]+/g);
  if (first === undefined || !POLICIES.includes(first[0])) {
    throw new SocketSyntaxError(
      text,
      PREFIX.length + (first?.index ?? 0),
      POLICIES.join(", ").replace(/, (?=[^,]*$)/, " or "),
    );
  }
  if (rest.length === 0) {
    throw new SocketSyntaxError(text, text.length, "a socket");
  }
  const sockets = rest.map((word) => {
    try {
      return parseSocket(word[0]);
    } catch (error) {
      if (!(error instanceof SocketSyntaxError)) throw error;
      const position = PREFIX.length + word.index + error.position;
      throw new SocketSyntaxError(text, position, error.expected);
    }
  });
  return { policy: first[0] as Policy, sockets };
}

/** Formats a virtual socket, so that it parses to the same value. */
export function formatVirtualSocket(
  { policy, sockets }: VirtualSocket,
): string {
  return `${PREFIX}${policy} ${sockets.map(formatSocket).join(" ")}`;
}

/** What became of the sockets of one virtual socket so far. */
export interface VirtualState {
  /** Until when each is to be passed over, on the caller's clock. */
  restingUntil: number[];
  /** The one that had the last event; -1 before the first. */
  last: number;
}

/** The state of a virtual socket of `count` sockets that had no event yet. */
export function newVirtualState(count: number): VirtualState {
  return { restingUntil: Array(count).fill(0), last: -1 };
}

/**
 * Which socket an event goes to next, or `undefined` if there is none left.
 * `tried` are those that failed to deliver this event. A resting socket is
 * taken only when all others have been tried: an event is never dropped because
 * all are resting.
 */
export function chooseSocket(
  policy: Exclude<Policy, "PARALLEL">,
  { restingUntil, last }: VirtualState,
  tried: readonly number[],
  now: number,
): number | undefined {
  const count = restingUntil.length;
  if (policy === "ROUND-ROBIN") {
    return tried.length === 0 ? (last + 1) % count : undefined;
  }
  const left = [...restingUntil.keys()].filter((i) => !tried.includes(i));
  return left.find((i) => restingUntil[i] <= now) ?? left[0];
}

/** What {@linkcode deliverVirtual} needs besides. */
export interface DeliverVirtualOptions {
  /** How long a socket that failed is passed over, in the clock's units. */
  restFor: number;
  /** The clock. */
  now: () => number;
}

/** What came of an event that was delivered. */
export interface VirtualResult {
  /** The result; of `PARALLEL`, those of all sockets in order. */
  result: JsonValue | undefined;
  /** The socket that delivered it; of `PARALLEL` there is none. */
  via?: number;
}

/**
 * Delivers an event by a policy. `send` delivers to one socket, and `state` is
 * brought up to date. Rejects with what `send` rejected with, or if that was
 * more than one thing, with a `DeliveryError` of which the cause is an
 * `AggregateError`.
 */
export async function deliverVirtual(
  policy: Policy,
  state: VirtualState,
  send: (index: number) => Promise<JsonValue | undefined>,
  { restFor, now }: DeliverVirtualOptions,
): Promise<VirtualResult> {
  const count = state.restingUntil.length;
  if (policy === "PARALLEL") return await deliverToAll(count, send);
  const tried: number[] = [];
  const errors: unknown[] = [];
  for (;;) {
    const index = chooseSocket(policy, state, tried, now());
    if (index === undefined) throw failureOf(errors, count);
    state.last = index;
    const restingUntil = state.restingUntil[index];
    try {
      const result = await send(index);
      // Unless it failed another event meanwhile, it need not rest.
      if (state.restingUntil[index] === restingUntil) {
        state.restingUntil[index] = 0;
      }
      return { result, via: index };
    } catch (error) {
      state.restingUntil[index] = now() + restFor;
      tried.push(index);
      errors.push(error);
    }
  }
}

async function deliverToAll(
  count: number,
  send: (index: number) => Promise<JsonValue | undefined>,
): Promise<VirtualResult> {
  const settled = await Promise.allSettled(
    Array.from({ length: count }, (_, index) => send(index)),
  );
  const errors = settled.flatMap((s) =>
    s.status === "rejected" ? [s.reason] : []
  );
  if (errors.length > 0) throw failureOf(errors, count);
  const results = settled.map((s) =>
    s.status === "fulfilled" ? s.value ?? null : null
  );
  return { result: results };
}

function failureOf(errors: unknown[], count: number): unknown {
  if (count === 1 || errors.length === 1) return errors[0];
  const messages = errors.map((error) =>
    error instanceof ServerError
      ? `the server answered with error ${error.code}: ${brief(error.message)}`
      : (error as Error).message
  );
  return new DeliveryError(
    `${errors.length} of ${count} sockets failed: ${messages.join("; ")}`,
    {
      cause: new AggregateError(errors),
      mayHaveArrived: errors.some((error) =>
        error instanceof DeliveryError && error.mayHaveArrived
      ),
    },
  );
}
