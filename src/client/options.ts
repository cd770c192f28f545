/**
 * Options of a client, and their checks.
 *
 * @module
 */

import {
  checkBoolean,
  checkFunction,
  checkMs,
  checkMsOrInfinity,
  checkPositiveInteger,
  checkText,
} from "../protocol/checks.ts";
import { quote } from "../protocol/errors.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/json_stream.ts";
import type { Connect } from "../transport/connection.ts";
import { connectDeno } from "../transport/deno.ts";
import { checkTls, type TlsOptions } from "../transport/tls.ts";

/** Options of {@linkcode EventClient}. */
export interface EventClientOptions {
  /**
   * Whether events go out as requests, which the server confirms, instead of
   * notifications. OpenSIPS: `sync_mode`.
   *
   * @default {false}
   */
  syncMode?: boolean | undefined;
  /**
   * How long an event may take, in milliseconds, more than 0 and at most
   * 2147483647. In sync mode this is the time until the response, else the time
   * until the operating system has taken the bytes. It starts at the end of the
   * turn of the event loop in which the event was raised. OpenSIPS: `timeout`.
   *
   * @default {1000}
   */
  timeoutMs?: number | undefined;
  /**
   * The name of a parameter that carries the event's name, before all others.
   * OpenSIPS: `event_param`. Absent: no such parameter.
   */
  eventParam?: string | undefined;
  /**
   * White space that goes out after each message, such as `"\n"`, for servers
   * that read lines. OpenSIPS sends none.
   *
   * @default {""}
   */
  delimiter?: string | undefined;
  /**
   * How much text may wait to be written, in UTF-16 code units. Events beyond
   * that are refused with a `QueueFullError`.
   *
   * @default {67108864}
   */
  maxQueueBytes?: number | undefined;
  /**
   * How many requests may be in flight. Others wait in the queue. With 1, requests
   * go out one at a time.
   *
   * @default {16384}
   */
  maxInFlight?: number | undefined;
  /**
   * How many messages go out on one connection before the next one is opened. 1
   * is for servers that read one message, respond and close.
   *
   * @default {Infinity}
   */
  maxRequestsPerConnection?: number | undefined;
  /**
   * The largest response accepted, in bytes. Without sync mode, received bytes
   * are discarded, and there is no limit.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number | undefined;
  /**
   * How long an attempt to connect may take, in milliseconds. The attempt goes on
   * when the events that wait for it time out, so that later events reach a slow
   * host.
   *
   * @default {30000}
   */
  connectTimeoutMs?: number | undefined;
  /**
   * After how many milliseconds without traffic a connection is closed. Use it
   * for notifications through a firewall that drops idle connections.
   *
   * @default {Infinity}
   */
  maxIdleMs?: number | undefined;
  /**
   * The TLS options for a `jsonrpcs:` socket: which authorities are trusted, and
   * which certificate is shown. `connectDeno` cannot use a client certificate
   * together with another server name.
   *
   * @default {{}}
   */
  tls?: TlsOptions | undefined;
  /**
   * The function that opens connections.
   *
   * @default {connectDeno}
   */
  connect?: Connect | undefined;
}

/** The options with their defaults; see {@linkcode EventClientOptions}. */
export interface ClientSettings {
  readonly syncMode: boolean;
  readonly timeoutMs: number;
  readonly eventParam: string | undefined;
  readonly delimiter: string;
  readonly maxQueueBytes: number;
  readonly maxInFlight: number;
  readonly maxRequestsPerConnection: number;
  readonly maxMessageBytes: number;
  readonly connectTimeoutMs: number;
  readonly maxIdleMs: number;
  readonly tls: TlsOptions;
  readonly connect: Connect;
}

/**
 * Checks options and gives them their defaults.
 *
 * @throws {TypeError} if an option is of a wrong type.
 * @throws {RangeError} if an option is out of its range.
 */
export function settingsOf(options: EventClientOptions): ClientSettings {
  const {
    syncMode = false,
    timeoutMs = 1000,
    eventParam,
    delimiter = "",
    maxQueueBytes = 64 * 1024 * 1024,
    maxInFlight = 16_384,
    maxRequestsPerConnection = Infinity,
    maxMessageBytes = MAX_MESSAGE_BYTES,
    connectTimeoutMs = 30_000,
    maxIdleMs = Infinity,
    tls = {},
    connect = connectDeno,
  } = options;
  checkBoolean("syncMode", syncMode);
  checkMs("timeoutMs", timeoutMs);
  if (eventParam !== undefined) checkText("eventParam", eventParam);
  checkDelimiter(delimiter);
  checkPositiveInteger("maxQueueBytes", maxQueueBytes);
  checkPositiveInteger("maxInFlight", maxInFlight);
  if (maxRequestsPerConnection !== Infinity) {
    checkPositiveInteger("maxRequestsPerConnection", maxRequestsPerConnection);
  }
  checkPositiveInteger("maxMessageBytes", maxMessageBytes);
  checkMs("connectTimeoutMs", connectTimeoutMs);
  checkMsOrInfinity("maxIdleMs", maxIdleMs);
  checkTls(tls);
  checkFunction("connect", connect);
  return {
    syncMode,
    timeoutMs,
    eventParam,
    delimiter,
    maxQueueBytes,
    maxInFlight,
    maxRequestsPerConnection,
    maxMessageBytes,
    connectTimeoutMs,
    maxIdleMs,
    tls,
    connect,
  };
}

function checkDelimiter(delimiter: unknown): void {
  if (typeof delimiter !== "string") {
    throw new TypeError(
      `Cannot use delimiter of type ${typeof delimiter}: expected a string`,
    );
  }
  if (!/^[ \t\r\n]*$/.test(delimiter)) {
    throw new RangeError(
      `Cannot use delimiter ${quote(delimiter)}: expected white space of JSON`,
    );
  }
}
