/**
 * The errors that callers catch.
 *
 * A wrong socket or wrong params are the caller's mistake and are thrown at
 * once: {@linkcode SocketSyntaxError}, {@linkcode ParamsError}. An event that
 * could not be delivered rejects with a {@linkcode DeliveryError}.
 *
 * @module
 */

/** A socket that cannot be parsed. */
export class SocketSyntaxError extends SyntaxError {
  /** The name of the class. */
  override name = "SocketSyntaxError";
  /** The text that was to be a socket. */
  readonly socket: string;
  /** Where it went wrong: an index into `socket`, from 0. */
  readonly position: number;
  /** What would have been right at that position. */
  readonly expected: string;

  /** Constructs an error for `socket`, which at `position` is not `expected`. */
  constructor(socket: string, position: number, expected: string) {
    const rest = socket.slice(position, position + 40);
    super(
      `Cannot parse socket ${
        quote(socket)
      }: expected ${expected} at position ${position}, ` +
        (rest === "" ? "found the end" : `found ${quote(rest)}`),
    );
    this.socket = socket;
    this.position = position;
    this.expected = expected;
  }
}

/** Params that a JSON-RPC message cannot carry unchanged. */
export class ParamsError extends TypeError {
  /** The name of the class. */
  override name = "ParamsError";
  /** The path to the offending value, such as `params.caller.bytes`. */
  readonly path: string;

  /** Constructs an error for the value at `path`; `problem` says what is so. */
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`Cannot use ${path}: ${problem}`, options);
    this.path = path;
  }
}

/** Options of {@linkcode DeliveryError}. */
export interface DeliveryErrorOptions extends ErrorOptions {
  /** See {@linkcode DeliveryError.mayHaveArrived}. */
  mayHaveArrived?: boolean | undefined;
}

/**
 * An event that was not delivered, or of which nobody knows. The base of all
 * errors that a raised event rejects with, save an abort by the caller's own
 * signal.
 */
export class DeliveryError extends Error {
  /** The name of the class. */
  override name = "DeliveryError";
  /**
   * `false`: no byte of the event left, so raising it again cannot repeat it.
   * `true`: the server may have received it; only it can tell.
   */
  readonly mayHaveArrived: boolean;

  /** Constructs an error; `mayHaveArrived` is `false` unless given. */
  constructor(message: string, options: DeliveryErrorOptions = {}) {
    super(message, options);
    this.mayHaveArrived = options.mayHaveArrived ?? false;
  }
}

/**
 * No connection could be opened: refused, unreachable, unknown name, or no
 * permission to use the network. The reason is the `cause`.
 */
export class ConnectError extends DeliveryError {
  /** The name of the class. */
  override name = "ConnectError";
}

/** The connection ended, or the client was closed, before the event was done. */
export class ConnectionClosedError extends DeliveryError {
  /** The name of the class. */
  override name = "ConnectionClosedError";
}

/** The event was not done within its time-out. */
export class DeliveryTimeoutError extends DeliveryError {
  /** The name of the class. */
  override name = "DeliveryTimeoutError";
}

/** More bytes wait for the server than `maxQueueBytes` allows. */
export class QueueFullError extends DeliveryError {
  /** The name of the class. */
  override name = "QueueFullError";
}

/** The server's bytes or its reply are not JSON-RPC 2.0. */
export class ProtocolError extends DeliveryError {
  /** The name of the class. */
  override name = "ProtocolError";
}

/**
 * A JSON-RPC 2.0 error object. A confirmed event rejects with it when the
 * server answers with an error; a handler of `serveEvents` throws it to answer
 * with one.
 *
 * @example What a handler throws reaches the one who raised the event
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { EventClient, serveEvents, ServerError } from "../../mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, () => {
 *   throw new ServerError(404, "No such user", { aor: "alice" });
 * });
 * await using client = new EventClient(server.socket, { syncMode: true });
 * await assertRejects(() => client.raise("E_X"), ServerError, "No such user");
 * ```
 */
export class ServerError extends DeliveryError {
  /** The name of the class. */
  override name = "ServerError";
  /** The error's code; 0 when the server gave none that is a number. */
  readonly code: number;
  /** The error's `data`: any JSON value; `undefined` when absent. */
  readonly data: unknown;

  /** Constructs the error object `{ code, message, data }`. */
  constructor(code: number, message: string, data?: unknown) {
    super(message, { mayHaveArrived: true });
    this.code = code;
    this.data = data;
  }
}

/**
 * Quotes text for an error message: short, and with nothing in it that a
 * terminal would act upon.
 */
export function quote(text: string): string {
  const short = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** How much of a text by somebody else goes into an error message. */
const MAX_BRIEF = 500;

/** The beginning of a text that may be of any length. */
export function brief(text: string): string {
  return text.length > MAX_BRIEF ? `${text.slice(0, MAX_BRIEF)}…` : text;
}

/** The message of whatever was thrown, by code of any make. */
export function messageOf(error: unknown): string {
  try {
    // Node tries all addresses of a host, and says nothing but these errors.
    if (error instanceof AggregateError && error.message === "") {
      return brief(error.errors.map(messageOf).join("; "));
    }
    return brief(String(error instanceof Error ? error.message : error));
  } catch {
    return "an error that cannot be shown";
  }
}
