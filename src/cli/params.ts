/** Params of an event, from a command line. */

import { JsonText } from "../../mod.ts";
import { UsageError } from "./arguments.ts";

/**
 * Reads `name=text`, `name:=json`, `text` and `:=json`. Names may come twice,
 * and stay in order; JSON stays as it is given.
 *
 * @throws {UsageError} if some have names and some have not, or one is wrong.
 */
export function parseParams(words: readonly string[]): JsonText {
  const params = words.map(parseParam);
  const [first] = params;
  if (first === undefined) return new JsonText("{}");
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
  return new JsonText(
    first.name === undefined
      ? `[${params.map(({ json }) => json).join(",")}]`
      : `{${
        params.map(({ name, json }) => `${JSON.stringify(name)}:${json}`)
          .join(",")
      }}`,
  );
}

interface Param {
  readonly word: string;
  readonly name: string | undefined;
  readonly json: string;
}

function parseParam(word: string): Param {
  const equals = word.indexOf("=");
  if (equals === -1) {
    return { word, name: undefined, json: JSON.stringify(word) };
  }
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
  const json = isJson
    ? toJsonText(text, `the value of param ${JSON.stringify(word)}`).text
    : JSON.stringify(text);
  return { word, name: name === "" ? undefined : name, json };
}

/**
 * Reads the value of `--params`: a JSON object or array, `@file` for a file that
 * holds it, or `-` for standard input.
 *
 * @throws {UsageError} if it is neither an object nor an array, or cannot be read.
 */
export async function parseParamsOption(given: string): Promise<JsonText> {
  let text = given, name = "--params";
  if (given === "-" || given.startsWith("@")) {
    const { readInput } = await import("./input.ts");
    name = given === "-"
      ? "standard input, given as --params,"
      : `the file of --params, ${JSON.stringify(given.slice(1))},`;
    text = await readInput(given, name);
  }
  const params = toJsonText(text, name);
  if (!/^[[{]/.test(params.text)) {
    throw new UsageError(
      `${name} is ${
        params.text.slice(0, 100)
      }, expected a JSON object or array`,
    );
  }
  return params;
}

/**
 * Reads JSON that goes out as it is given, on one line.
 *
 * @throws {UsageError} if it is not JSON; `name` says what it is.
 */
export function toJsonText(text: string, name: string): JsonText {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${name} is not JSON: ${(error as Error).message}`);
  }
  // Line breaks stand between values only. Some servers read lines.
  return new JsonText(text.replace(/\s*[\r\n]\s*/g, ""));
}
