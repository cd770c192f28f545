/**
 * The parameters of an event, and their formatting.
 *
 * @module
 */

import { checkText } from "./checks.ts";
import { ParamsError, quote } from "./errors.ts";
import { JsonText } from "./json.ts";
import { describe, isCarried, refusalOf, refuse } from "./json_check.ts";
import { depthOf, membersOf } from "./json_members.ts";
import { MAX_DEPTH } from "./json_stream.ts";

/**
 * The parameters of an event: a plain object (named parameters), an array (unnamed
 * ones), {@linkcode NamedParams} where order or repeated names matter, or a
 * {@linkcode JsonText} of an object or an array, which goes out as it is.
 *
 * The values must be JSON values. They are checked when the event is raised.
 */
export type EventParams =
  | { readonly [name: string]: unknown }
  | readonly unknown[]
  | NamedParams
  | JsonText;

/**
 * Named parameters in the given order, as OpenSIPS has them. A name may be
 * repeated. Names that look like integers keep their place; a plain object puts
 * them first. `__proto__` is a name like any other.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { buildMessage, NamedParams } from "../../mod.ts";
 *
 * const params = new NamedParams([["2", "b"], ["1", "a"], ["1", "c"]]);
 * assertEquals(
 *   buildMessage({ protocol: "jsonrpc" }, "E_X", params),
 *   `{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"2":"b","1":"a","1":"c"}}`,
 * );
 * ```
 */
export class NamedParams implements Iterable<readonly [string, unknown]> {
  readonly #pairs: readonly (readonly [string, unknown])[];

  /**
   * Constructs params from pairs of name and value: an array, a `Map`, a
   * `URLSearchParams`, or any other iterable. Values are not copied.
   *
   * @throws {ParamsError} if a name is not a string.
   */
  constructor(pairs: Iterable<readonly [string, unknown]>) {
    this.#pairs = Array.from(pairs, (pair, i) => {
      if (!Array.isArray(pair) || typeof pair[0] !== "string") {
        throw new ParamsError(
          `pairs[${i}]`,
          "expected a pair of a name (a string) and a value",
        );
      }
      return [pair[0], pair[1]] as const;
    });
  }

  /** Iterates over the pairs in order. */
  [Symbol.iterator](): Iterator<readonly [string, unknown]> {
    return this.#pairs[Symbol.iterator]();
  }
}

/** The event's name as the first parameter. */
export interface EventParam {
  /** The name of the parameter. */
  readonly name: string;
  /** The beginning of named params, up to the comma: `{"event":"E_X",`. */
  readonly named: string;
  /** The beginning of unnamed params, up to the comma: `["E_X",`. */
  readonly unnamed: string;
}

/**
 * Makes the event param of an event, or returns `undefined` if `name` is.
 *
 * @throws {TypeError} if `name` is not a non-empty string.
 */
export function eventParamOf(
  event: string,
  name: string | undefined,
): EventParam | undefined {
  if (name === undefined) return undefined;
  checkText("eventParam", name);
  const value = JSON.stringify(event);
  return {
    name,
    named: `{${JSON.stringify(name)}:${value},`,
    unnamed: `[${value},`,
  };
}

/**
 * Formats params as JSON text, with the event param first. Returns an empty string
 * if there are no params: then the message depends on the dialect.
 *
 * @throws {ParamsError} if JSON cannot carry `params` unchanged, or they have the
 * name of the event param. The error has the path to the wrong value.
 */
export function formatParams(
  params: EventParams,
  eventParam: EventParam | undefined,
): string {
  const text = guardedTextOf(params, eventParam?.name);
  if (text === "{}" || text === "[]") return "";
  if (eventParam === undefined) return text;
  return (text[0] === "{" ? eventParam.named : eventParam.unnamed) +
    text.slice(1);
}

/** Turns an error that a getter or a Proxy throws into a `ParamsError`. */
function guardedTextOf(
  params: EventParams,
  reserved: string | undefined,
): string {
  try {
    return textOf(params, reserved);
  } catch (cause) {
    if (cause instanceof ParamsError) throw cause;
    throw refuse(["params"], "reading it failed", cause);
  }
}

function textOf(params: EventParams, reserved: string | undefined): string {
  if (typeof params !== "object" || params === null) {
    throw refuse(
      ["params"],
      `it is ${
        describe(params)
      }, expected a plain object, an array, NamedParams or JsonText`,
    );
  }
  if (!isCarried(params)) {
    if (params instanceof NamedParams) return pairsText(params, reserved);
    if (params instanceof JsonText) return checkedText(params, reserved);
    const refusal = refusalOf(params, "params");
    if (refusal !== undefined) throw refusal;
  }
  if (
    reserved !== undefined && Object.hasOwn(params, reserved) &&
    !Array.isArray(params)
  ) throw reservedName(reserved);
  return JSON.stringify(params);
}

function pairsText(params: NamedParams, reserved: string | undefined): string {
  let text = "";
  for (const [name, value] of params) {
    if (name === reserved) throw reservedName(name);
    const refusal = refusalOf({ [name]: value }, "params");
    if (refusal !== undefined) throw refusal;
    text += `${text === "" ? "{" : ","}${JSON.stringify(name)}:${
      JSON.stringify(value)
    }`;
  }
  return text === "" ? "{}" : `${text}}`;
}

function checkedText({ text }: JsonText, reserved: string | undefined): string {
  const isObject = text[0] === "{";
  if (!isObject && text[0] !== "[") {
    throw refuse(
      ["params"],
      `it is the JSON text ${quote(text)}, expected an object or an array`,
    );
  }
  if (depthOf(text) >= MAX_DEPTH) {
    throw refuse(
      ["params"],
      `the message is nested deeper than ${MAX_DEPTH} levels`,
    );
  }
  if (/^.\s*.$/.test(text)) return isObject ? "{}" : "[]";
  if (reserved !== undefined && membersOf(text).some(([n]) => n === reserved)) {
    throw reservedName(reserved);
  }
  return text;
}

function reservedName(name: string): ParamsError {
  return refuse(
    ["params", name],
    "the event param has the same name",
  );
}
