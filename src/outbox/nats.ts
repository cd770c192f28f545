/**
 * What the outbox needs of a client of NATS: the shapes that `nats` and
 * `@nats-io/transport-node` of npm both have. Nothing of them is imported.
 *
 * @module
 */

/** The headers of a message. */
export interface NatsHeaders {
  /** Sets a header. */
  set(name: string, value: string): void;
  /** The number of a status, such as 408; 0 for none. */
  readonly code: number;
  /** What a status says. */
  readonly description: string;
}

/** A message that came. */
export interface NatsMessage {
  /** The subject that it was sent to. */
  readonly subject: string;
  /** Where to acknowledge it. */
  readonly reply?: string | undefined;
  /** What it carries. */
  readonly data: Uint8Array;
  /** Its headers, if it has any. */
  readonly headers?: NatsHeaders | undefined;
}

/** A connection to a server, or to a cluster. */
export interface NatsConnection {
  /** Sends a request; resolves to the response. */
  request(
    subject: string,
    payload: Uint8Array | string,
    options?: { timeout: number; headers?: NatsHeaders },
  ): Promise<NatsMessage>;
  /** Sends a message. */
  publish(
    subject: string,
    payload: Uint8Array | string,
    options?: { reply?: string },
  ): void;
  /** Has messages of a subject given to a callback. */
  subscribe(
    subject: string,
    options: { callback(error: unknown, message: NatsMessage): void },
  ): { unsubscribe(): void };
  /** Tells when the connection is lost, and when it is there again. */
  status(): AsyncIterable<{ readonly type: string }>;
}

/** What {@linkcode jetstream} is handed of a client of NATS. */
export interface NatsClient {
  /** What `connect()` resolves to. */
  connection: NatsConnection;
  /** The function of that name, which makes headers. */
  headers: () => NatsHeaders;
}
