/** What became of events, as exit codes and text. */

import {
  ConnectError,
  DeliveryError,
  DeliveryTimeoutError,
  ServerError,
} from "../../mod.ts";

/** The exit code for an event; without an error it was delivered. */
export function exitCodeOf(error: unknown): number {
  if (error === undefined) return 0;
  if (error instanceof DeliveryError && error.cause instanceof AggregateError) {
    const [code, ...others] = error.cause.errors.map(exitCodeOf);
    return others.every((other) => other === code) ? code : 1;
  }
  if (error instanceof ServerError) return 3;
  return error instanceof DeliveryTimeoutError ? 4 : 1;
}

/** An error as a JSON object. */
export function describe(error: unknown): Record<string, unknown> {
  const { name, message } = error as Error;
  return {
    name,
    message,
    ...error instanceof ServerError && { code: error.code, data: error.data },
    ...error instanceof DeliveryError &&
      { mayHaveArrived: error.mayHaveArrived },
  };
}

/** An error as a person wants it: what now? */
export function explain(error: unknown): string {
  if (error instanceof ServerError) {
    const data = error.data === undefined
      ? ""
      : ` (${JSON.stringify(error.data)})`;
    return `the server answered with error ${error.code}: ${error.message}${data}`;
  }
  const { message, cause } = error as Error;
  if (cause instanceof AggregateError) return message;
  if (error instanceof ConnectError) {
    return cause instanceof Deno.errors.ConnectionRefused
      ? `${message}; is a server listening there? "event-jsonrpc listen" is one`
      : message;
  }
  return error instanceof DeliveryError && error.mayHaveArrived
    ? `${message}; the server may have received it`
    : message;
}
