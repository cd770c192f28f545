/**
 * Whether JSON can carry a value unchanged, and where it cannot.
 *
 * `JSON.stringify` drops or replaces what it cannot carry: `undefined`, `NaN`,
 * functions, the class of an object. Here such a value is refused with the
 * path to it.
 *
 * @module
 */

import { ParamsError, quote } from "./errors.ts";
import { MAX_DEPTH } from "./json_stream.ts";

/**
 * How long a value may be, in characters, about: one that has no end, such as a
 * `Proxy` that makes its members up, is refused in time.
 */
const MAX_LENGTH = 16 * 1024 * 1024;

/** What is wrong with a value, and the names and indexes that lead to it. */
interface Problem {
  readonly path: (string | number)[];
  readonly text: string;
  readonly cause?: unknown;
}

/** How much longer the value may be. */
interface Budget {
  left: number;
}

/** Returns why JSON cannot carry `value`, which is called `name`, if so. */
export function refusalOf(
  value: unknown,
  name: string,
): ParamsError | undefined {
  if (isCarried(value)) return undefined;
  const problem = problemOf(value, 1, { left: MAX_LENGTH });
  if (problem === undefined) return undefined;
  const { path, text, cause } = problem;
  if (text !== TOO_DEEP) return refuse([name, ...path], text, cause);
  const end = endOfCycle(value, path);
  return end === undefined ? refuse([name, ...path], text) : refuse(
    [name, ...path.slice(0, end)],
    "it is a cycle, which JSON cannot carry",
  );
}

/** An error for what stands at a path. */
export function refuse(
  path: readonly (string | number)[],
  problem: string,
  cause?: unknown,
): ParamsError {
  return new ParamsError(
    pathText(path),
    problem,
    cause === undefined ? undefined : { cause },
  );
}

/** A value's kind for an error message, such as "a Date object". */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "function":
      return "a function";
    case "object":
      if (value === null) return "null";
      return `a ${shown(String(className(value) || "special"))} object`;
    case "string":
      return "a string";
    case "bigint":
      return "a bigint";
    default:
      return shown(String(value)); // undefined, NaN, Infinity, Symbol(x), true
  }
}

/** Whether an object is an object literal, a parsed one, or has no prototype. */
export function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null ||
    // the Object.prototype of another realm
    Object.getPrototypeOf(prototype) === null &&
      Object.hasOwn(prototype, "hasOwnProperty");
}

function isScalar(value: unknown): boolean {
  switch (typeof value) {
    case "number":
      return value - value === 0; // not so for NaN and the infinities
    case "string":
    case "boolean":
      return true;
    default:
      return value === null;
  }
}

/**
 * Whether JSON carries a value, for sure; if not, {@linkcode refusalOf} says
 * whether and where it does not.
 */
export function isCarried(value: unknown): boolean {
  try {
    return isScalar(value) ||
      typeof value === "object" && roomAfter(value!, 1, MAX_LENGTH) >= 0;
  } catch {
    return false; // a getter or a Proxy threw
  }
}

/**
 * How much room an object leaves, of so many characters; a negative number if
 * there is too little, or it may be that JSON cannot carry it. Most params need
 * no more than this, so it makes nothing, and looks at each member once.
 */
function roomAfter(value: object, depth: number, before: number): number {
  if (depth >= MAX_DEPTH) return -1;
  let room = before - 2;
  if (Array.isArray(value)) {
    if (isMatch(value)) return -1;
    const { length } = value;
    for (let i = 0; i < length && room >= 0; i++) {
      const member = value[i];
      if (typeof member === "string") room -= member.length + 3;
      else if (isScalar(member)) room -= 2;
      else if (typeof member !== "object") return -1;
      else room = roomAfter(member, depth + 1, room);
    }
    return room;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return -1;
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    if (typeof member === "string") room -= member.length + 3;
    else if (isScalar(member)) room -= 2;
    else if (typeof member !== "object") return -1;
    else room = roomAfter(member!, depth + 1, room);
    if (room < 0) return -1;
  }
  return room;
}

/**
 * Whether an array is the match of a regular expression, which has properties
 * that JSON would drop. To look for any such property takes as long as
 * `JSON.stringify` itself.
 */
function isMatch(array: readonly unknown[]): boolean {
  return (array as { index?: unknown }).index !== undefined;
}

const TOO_DEEP = `the message is nested deeper than ${MAX_DEPTH} levels`;

function problemOf(
  value: unknown,
  depth: number,
  budget: Budget,
): Problem | undefined {
  budget.left -= typeof value === "string" ? value.length + 3 : 2;
  if (budget.left < 0) {
    return {
      path: [],
      text: `up to here the params are longer than ${MAX_LENGTH} characters`,
    };
  }
  if (isScalar(value)) return undefined;
  if (typeof value !== "object" || value === null) {
    return {
      path: [],
      text: `it is ${describe(value)}, which is not a JSON value`,
    };
  }
  // The message around it is a level too.
  if (depth >= MAX_DEPTH) return { path: [], text: TOO_DEEP };
  let key: string | number | undefined;
  try {
    if (Array.isArray(value)) {
      const { length } = value;
      for (let i = 0; i < length; i++) {
        key = i;
        const problem = problemOf(value[i], depth + 1, budget);
        if (problem !== undefined) return at(i, problem);
      }
      return isMatch(value)
        ? { path: [], text: "it is a match, with properties that JSON drops" }
        : undefined;
    }
    if (!isPlain(value)) {
      const other = depth === 1 ? "NamedParams" : "a scalar";
      return {
        path: [],
        text: `it is ${
          describe(value)
        }, expected a plain object, an array or ${other}`,
      };
    }
    for (const name of Object.keys(value)) {
      key = name;
      budget.left -= name.length + 3;
      const problem = problemOf(
        (value as Record<string, unknown>)[name],
        depth + 1,
        budget,
      );
      if (problem !== undefined) return at(name, problem);
    }
  } catch (cause) {
    const problem = { path: [], text: "reading it failed", cause };
    return key === undefined ? problem : at(key, problem);
  }
  return undefined;
}

function at(key: string | number, problem: Problem): Problem {
  problem.path.unshift(key);
  return problem;
}

/** How many steps of a path lead to an object that is one of its ancestors. */
function endOfCycle(
  root: unknown,
  path: readonly (string | number)[],
): number | undefined {
  const trail = new Set<unknown>();
  let value = root;
  for (const [steps, key] of path.entries()) {
    if (trail.has(value)) return steps;
    trail.add(value);
    value = (value as Record<string | number, unknown>)[key];
  }
  return undefined;
}

function className(object: object): unknown {
  return Object.getPrototypeOf(object)?.constructor?.name;
}

/** The text as {@linkcode quote} shows it, without the quotes. */
function shown(text: string): string {
  return quote(text).slice(1, -1);
}

function pathText(path: readonly (string | number)[]): string {
  return path.slice(0, 20).map((key, i) => {
    if (i === 0) return String(key);
    if (typeof key === "number") return `[${key}]`;
    return /^[\p{ID_Start}$_][\p{ID_Continue}$]{0,99}$/u.test(key)
      ? `.${key}`
      : `[${quote(key)}]`;
  }).join("") + (path.length > 20 ? "…" : "");
}
