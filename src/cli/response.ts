/** How `listen` responds to requests. */

import { ServerError } from "../../mod.ts";
import { UsageError } from "./arguments.ts";
import { toJsonText } from "./params.ts";

/**
 * Reads `--result` and `--error`: makes a function that returns a result or
 * throws.
 *
 * @throws {UsageError} if both are given, or one is wrong.
 */
export function toResponse(
  result: string | undefined,
  error: string | undefined,
): () => unknown {
  if (error === undefined) {
    const value = result === undefined ? true : toJsonText(result, "--result");
    return () => value;
  }
  if (result !== undefined) {
    throw new UsageError(
      "both --result and --error are given, expected one of them",
    );
  }
  const match = /^(-?[0-9]{1,10}):(.*)$/s.exec(error);
  if (match === null) {
    throw new UsageError(
      `--error is ${
        JSON.stringify(error)
      }, expected <code>:<message> with an integer code`,
    );
  }
  const [, code, message] = match;
  return () => {
    throw new ServerError(Number(code), message!);
  };
}
