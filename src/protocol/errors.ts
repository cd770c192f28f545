/**
 * The errors that callers catch.
 *
 * A {@linkcode SocketSyntaxError} or a {@linkcode ParamsError} is thrown at once:
 * the caller gave a wrong socket or wrong params. When an event could not be
 * delivered, the promise rejects with a {@linkcode DeliveryError}.
 *
 * @module
 */

/** Thrown when a socket cannot be parsed. */
export class SocketSyntaxError extends SyntaxError {
  /** The name of the class. */
  override name = "SocketSyntaxError";
  /** The text that is not a socket. */
  readonly socket: string;
  /** The index in `socket` of the first wrong character, from 0. */
  readonly position: number;
  /** What was expected at that position. */
  readonly expected: string;

  /** Constructs an error: `socket` does not have `expected` at `position`. */
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

/** Thrown when a JSON-RPC message cannot carry params unchanged. */
export class ParamsError extends TypeError {
  /** The name of the class. */
  override name = "ParamsError";
  /** The path to the wrong value, such as `params.caller.bytes`. */
  readonly path: string;

  /** Constructs an error for the value at `path`; `problem` says what is wrong. */
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
 * The base class of all errors that `raise` rejects with: the event was not
 * delivered, or it is not known whether it was. (When the caller's own signal
 * aborts, `raise` rejects with the signal's reason instead.)
 */
export class DeliveryError extends Error {
  /** The name of the class. */
  override name = "DeliveryError";
  /**
   * Whether the server may have received the event. If `false`, no byte of the
   * event was sent, so raising it again cannot deliver it twice.
   */
  readonly mayHaveArrived: boolean;

  /** Constructs an error; `mayHaveArrived` is `false` unless given. */
  constructor(message: string, options: DeliveryErrorOptions = {}) {
    super(message, options);
    this.mayHaveArrived = options.mayHaveArrived ?? false;
  }
}

/**
 * No connection could be opened: it was refused, the host is unreachable, its
 * name is unknown, or the network permission is missing. The `cause` is the error
 * of the function `connect`.
 */
export class ConnectError extends DeliveryError {
  /** The name of the class. */
  override name = "ConnectError";
}

/** The connection was lost, or the client closed, before the event was delivered. */
export class ConnectionClosedError extends DeliveryError {
  /** The name of the class. */
  override name = "ConnectionClosedError";
}

/** The event was not delivered within its time-out. */
export class DeliveryTimeoutError extends DeliveryError {
  /** The name of the class. */
  override name = "DeliveryTimeoutError";
}

/** The queue is full: with this event, more than `maxQueueBytes` would wait. */
export class QueueFullError extends DeliveryError {
  /** The name of the class. */
  override name = "QueueFullError";
}

/** The server's response is not JSON-RPC 2.0. */
export class ProtocolError extends DeliveryError {
  /** The name of the class. */
  override name = "ProtocolError";
}

/**
 * The server responded with a JSON-RPC 2.0 error object. `raise` rejects with it
 * in sync mode. A handler of `serveEvents` throws it to respond with an error.
 *
 * @example `raise` rejects with the error that a handler throws
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
  /** The error's code; 0 if the response has no number as code. */
  readonly code: number;
  /** The error's `data`: any JSON value, or `undefined` if absent. */
  readonly data: unknown;

  /** Constructs the error object `{ code, message, data }`. */
  constructor(code: number, message: string, data?: unknown) {
    super(message, { mayHaveArrived: true });
    this.code = code;
    this.data = data;
  }
}

/**
 * Quotes text for an error message. Cuts it after 100 characters, and escapes
 * characters that control a terminal.
 */
export function quote(text: string): string {
  const short = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** How many characters of a foreign text go into an error message. */
const MAX_BRIEF = 500;

/** Cuts a text that may be long, for an error message. */
export function brief(text: string): string {
  return text.length > MAX_BRIEF ? `${text.slice(0, MAX_BRIEF)}…` : text;
}

/** Returns the message of an error, or of any other value that was thrown. */
export function messageOf(error: unknown): string {
  try {
    // Node gives one error for each address of a host, and no message of its own.
    if (error instanceof AggregateError && error.message === "") {
      return brief(error.errors.map(messageOf).join("; "));
    }
    return brief(String(error instanceof Error ? error.message : error));
  } catch {
    return "an error that cannot be shown";
  }
}
