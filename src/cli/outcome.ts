/** The outcome of an event, as an exit code and as text. */

import {
  DeliveryError,
  type DeliveryReport,
  DeliveryTimeoutError,
  JsonText,
  ServerError,
} from "../../mod.ts";

/** `sent`: the operating system took it, and nobody knows more. */
export type Outcome = DeliveryReport["outcome"];

/** A server's result. */
export type Result = DeliveryReport["result"];

/** A result as JSON; what is parsed is formatted anew. */
export function resultText(result: Result): string {
  return result instanceof JsonText ? result.text : JSON.stringify(result);
}

/** The exit code for an error, or for none. */
export function exitCodeOf(error: unknown): number {
  if (error === undefined) return 0;
  if (error instanceof DeliveryError && error.cause instanceof AggregateError) {
    const [code, ...others] = error.cause.errors.map(exitCodeOf);
    return others.every((other) => other === code) ? code! : 1;
  }
  if (error instanceof ServerError) return 3;
  return error instanceof DeliveryTimeoutError ? 4 : 1;
}

/** Exit codes by how bad they are, worst last. */
const SEVERITY: readonly number[] = [0, 2, 3, 4, 1];

/** The worse of two exit codes. */
export function worse(a: number, b: number): number {
  return SEVERITY.indexOf(b) > SEVERITY.indexOf(a) ? b : a;
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

/** An error as a sentence. */
export function explain(error: unknown): string {
  if (error instanceof ServerError) {
    const data = error.data === undefined
      ? ""
      : ` (${JSON.stringify(error.data)})`;
    return `the server answered with error ${error.code}: ${error.message}${data}`;
  }
  const { message, cause } = error as Error;
  return error instanceof DeliveryError && error.mayHaveArrived &&
      !(cause instanceof AggregateError)
    ? `${message}; the server may have received it`
    : message;
}
