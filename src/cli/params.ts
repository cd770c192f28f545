/** Params of an event, from the words of a command line. */

import { type EventParams, NamedParams } from "../../mod.ts";
import { toJson, UsageError } from "./arguments.ts";

/**
 * Reads `name=text`, `name:=json`, `text` and `:=json`. Names may come twice,
 * and stay in order.
 *
 * @throws {UsageError} if some have names and some have not, or one is wrong.
 */
export function parseParams(words: readonly string[]): EventParams {
  const params = words.map(parseParam);
  const [first] = params;
  const other = params.find(({ name }) =>
    (name === undefined) !== (first.name === undefined)
  );
  if (other !== undefined) {
    throw new UsageError(
      `param ${JSON.stringify(first.word)} has ${
        first.name === undefined ? "no name" : "a name"
      } and ${JSON.stringify(other.word)} has ${
        other.name === undefined ? "none" : "one"
      }: expected all with a name, or none`,
    );
  }
  return first === undefined || first.name !== undefined
    ? new NamedParams(params.map(({ name, value }) => [name!, value]))
    : params.map(({ value }) => value);
}

interface Param {
  word: string;
  name?: string;
  value: unknown;
}

function parseParam(word: string): Param {
  const equals = word.indexOf("=");
  if (equals === -1) return { word, value: word };
  const isJson = word[equals - 1] === ":";
  const name = word.slice(0, isJson ? equals - 1 : equals);
  const text = word.slice(equals + 1);
  if (name === "" && !isJson) {
    throw new UsageError(
      `param ${
        JSON.stringify(word)
      } has no name before "=": expected name=text, or for a value alone text or :=json`,
    );
  }
  const value = isJson
    ? toJson(text, `the value of param ${JSON.stringify(word)}`)
    : text;
  return name === "" ? { word, value } : { word, name, value };
}

/**
 * Reads the value of `--params`: a JSON object or array.
 *
 * @throws {UsageError} if it is neither.
 */
export function parseJsonParams(text: string): EventParams {
  const params = toJson(text, "--params");
  if (typeof params !== "object" || params === null) {
    throw new UsageError(
      `--params is ${text}, expected a JSON object or array`,
    );
  }
  return params as EventParams;
}
