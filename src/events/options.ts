/**
 * Options of the Event Interface, and their checks.
 *
 * @module
 */

import {
  type ClientSettings,
  type EventClientOptions,
  settingsOf,
} from "../client/options.ts";
import {
  checkBoolean,
  checkFunction,
  checkMs,
  checkSignal,
} from "../protocol/checks.ts";
import type { DeliveryInfo } from "./report.ts";

/** Options of {@linkcode EventInterface}, and of each client in it. */
export interface EventInterfaceOptions extends EventClientOptions {
  /**
   * How long `FAILOVER` passes over a socket that failed, in milliseconds from 0.
   *
   * @default {30000}
   */
  failoverTimeoutMs?: number | undefined;
  /**
   * Whether results in reports are as they came, each a `JsonText`, instead of
   * their parsed form, which loses digits of large numbers and repeated names.
   *
   * @default {false}
   */
  rawResult?: boolean | undefined;
  /**
   * Called with each delivery to a destination once it is settled, for metrics
   * and traces. An error that it throws is reported as one of a listener is.
   */
  onDelivery?: ((delivery: DeliveryInfo) => void) | undefined;
  /**
   * Called when a subscription cannot do all that it promises. An error that it
   * throws is ignored.
   *
   * @default {console.warn}
   */
  onWarning?: ((message: string) => void) | undefined;
}

/** Options of {@linkcode EventInterface.subscribe}. */
export interface SubscribeOptions {
  /** After how many seconds the subscription ends. Absent: never. */
  expire?: number | undefined;
  /** As in {@linkcode EventClientOptions}, for this subscription. */
  syncMode?: boolean | undefined;
  /** As in {@linkcode EventClientOptions}, for this subscription. */
  timeoutMs?: number | undefined;
}

/** Options of {@linkcode EventInterface.deliver}. */
export interface DeliverOptions {
  /** As in {@linkcode EventClientOptions}, for this event. */
  syncMode?: boolean | undefined;
  /** As in {@linkcode EventClientOptions}, for this event, at each server. */
  timeoutMs?: number | undefined;
  /**
   * Gives the event up: if it was not yet written, it is not sent. The report's
   * error is the signal's reason.
   */
  signal?: AbortSignal | undefined;
}

/** The options with their defaults; see {@linkcode EventInterfaceOptions}. */
export interface InterfaceSettings {
  readonly client: ClientSettings;
  readonly failoverTimeoutMs: number;
  readonly rawResult: boolean;
  readonly onDelivery: ((delivery: DeliveryInfo) => void) | undefined;
  readonly onWarning: (message: string) => void;
}

const DEFAULT_FAILOVER_TIMEOUT_MS = 30_000; // as of event_virtual

/**
 * Checks options and gives them their defaults.
 *
 * @throws {TypeError} if an option is of a wrong type.
 * @throws {RangeError} if an option is out of its range.
 */
export function interfaceSettingsOf(
  options: EventInterfaceOptions,
): InterfaceSettings {
  const {
    failoverTimeoutMs = DEFAULT_FAILOVER_TIMEOUT_MS,
    rawResult = false,
    onDelivery,
    onWarning = console.warn,
    ...clientOptions
  } = options;
  if (typeof failoverTimeoutMs !== "number") {
    throw new TypeError(
      `Cannot use failoverTimeoutMs of type ${typeof failoverTimeoutMs}: expected milliseconds from 0`,
    );
  }
  if (!(failoverTimeoutMs >= 0)) {
    throw new RangeError(
      `Cannot use failoverTimeoutMs ${failoverTimeoutMs}: expected milliseconds from 0`,
    );
  }
  checkBoolean("rawResult", rawResult);
  if (onDelivery !== undefined) checkFunction("onDelivery", onDelivery);
  checkFunction("onWarning", onWarning);
  const client = settingsOf(clientOptions);
  return { client, failoverTimeoutMs, rawResult, onDelivery, onWarning };
}

/** Throws if an option of a subscription is wrong. */
export function checkSubscribeOptions(
  { expire, syncMode, timeoutMs }: SubscribeOptions,
): void {
  if (expire !== undefined) checkExpire(expire);
  checkDeliverOptions({ syncMode, timeoutMs });
}

/** Throws if an option of a delivery is wrong. */
export function checkDeliverOptions(
  { syncMode, timeoutMs, signal }: DeliverOptions,
): void {
  if (syncMode !== undefined) checkBoolean("syncMode", syncMode);
  if (timeoutMs !== undefined) checkMs("timeoutMs", timeoutMs);
  checkSignal(signal);
}

function checkExpire(expire: unknown): void {
  const expected = "expected seconds, more than 0";
  if (typeof expire !== "number") {
    throw new TypeError(
      `Cannot use expire of type ${typeof expire}: ${expected}`,
    );
  }
  if (!(expire > 0 && expire < Infinity)) {
    throw new RangeError(`Cannot use expire ${expire}: ${expected}`);
  }
}
