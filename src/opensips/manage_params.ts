/**
 * The params of a management command: matched with the forms that the command
 * has, and read one by one. They are texts of JSON, so that a value can go on
 * as it came.
 *
 * @module
 */

import { quote, ServerError } from "../protocol/errors.ts";
import { elementsOf, membersOf } from "../protocol/json_members.ts";
import { MAX_EXPIRE } from "./expire.ts";

/** The names of the params that a command takes, for each way to call it. */
export type Forms = readonly (readonly string[])[];

/** Params by their names; each value is a JSON text. */
export type ParamTexts = ReadonlyMap<string, string>;

/**
 * Names the params of a request. As in OpenSIPS, they must be those of one
 * form: all of them, and no other.
 *
 * @param params The text of an object or an array; absent: no params.
 * @throws {ServerError} with code -32602 if no form has these params.
 */
export function matchParams(params: string, forms: Forms): ParamTexts {
  const isNamed = params.startsWith("{");
  const members: readonly (readonly [string | undefined, string])[] = isNamed
    ? membersOf(params)
    : elementsOf(params).map((text) => [undefined, text]);
  const alike = forms.filter((form) => form.length === members.length);
  if (alike.length === 0) {
    throw invalidParams(
      `Too few or too many parameters: expected ${describe(forms)}`,
    );
  }
  if (!isNamed) {
    return new Map(alike[0]!.map((name, i) => [name, members[i]![1]]));
  }
  const byName = new Map(members as readonly (readonly [string, string])[]);
  const form = alike.find((form) => form.every((name) => byName.has(name)));
  if (form === undefined) {
    const known = forms.flat();
    const wrong = [...byName.keys()].find((name) => !known.includes(name));
    throw invalidParams(
      "Named parameters do not match: " +
        (wrong === undefined ? "" : `${quote(wrong)} is not one of them, `) +
        `expected ${describe(forms)}`,
    );
  }
  return byName;
}

/**
 * A param that is a text. A number counts as its digits, as in OpenSIPS.
 *
 * @throws {ServerError} with code -32602 if it is empty or of another type.
 */
export function textOf(params: ParamTexts, name: string): string {
  const value = JSON.parse(params.get(name)!);
  if (typeof value === "number") return params.get(name)!;
  if (typeof value !== "string" || value === "") throw badType(name);
  return value;
}

/**
 * A param that is a number of seconds, or the digits of one in a text. A
 * fraction counts as the next second, so that it never ends a subscription;
 * OpenSIPS cuts it off.
 *
 * @throws {ServerError} with code -32602 if it is negative or of another type.
 */
export function secondsOf(params: ParamTexts, name: string): number {
  const value = JSON.parse(params.get(name)!);
  const isDigits = typeof value === "string" && /^-?[0-9]+$/.test(value);
  const seconds = isDigits ? Number(value) : value;
  if (typeof seconds !== "number") throw badType(name);
  if (seconds < 0) throw invalidParams(`Negative ${name} value`);
  return Math.min(Math.ceil(seconds), MAX_EXPIRE);
}

function badType(name: string): ServerError {
  return invalidParams(`Bad type for parameter '${name}'`);
}

function invalidParams(data: string): ServerError {
  return new ServerError(-32602, "Invalid params", data);
}

/** As in `none, event, or event and socket`. */
function describe(forms: Forms): string {
  return list(
    forms.map((form) => form.length === 0 ? "none" : list(form, "and")),
    "or",
  );
}

function list(texts: readonly string[], word: "and" | "or"): string {
  const comma = word === "or" ? "," : "";
  return texts.length < 2
    ? texts.join("")
    : `${texts.slice(0, -1).join(", ")}${comma} ${word} ${texts.at(-1)}`;
}
