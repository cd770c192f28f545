/**
 * Types of events and their params: so that a wrong name, or a value that JSON
 * cannot carry, does not compile.
 *
 * @module
 */

import type { JsonText, JsonValue } from "./json.ts";
import type { EventParams, NamedParams } from "./params.ts";

/**
 * The events that an application knows: a type that maps the name of each to the
 * type of its params, such as `interface Events { E_PIKE_BLOCKED: { ip: string } }`.
 */
// deno-lint-ignore ban-types
export type EventMap = {};

/** The events of an application that names none: any name, any params. */
export type AnyEvents = { [event: string]: EventParams };

/** The names of events. */
export type EventName<Events extends EventMap> = keyof Events & string;

/**
 * The part of a type that JSON carries: what it cannot carry, such as a `Date` or
 * a function, becomes `never`. A value of type `unknown` is checked at run time.
 */
export type Carried<T> = T extends JsonValue | NamedParams | JsonText ? T
  : unknown extends T ? T
  : T extends ((...args: never) => unknown) | symbol | bigint | undefined
    ? never
  : { readonly [K in keyof T]: Carried<T[K]> };

/** The params that an event can be raised with; `P` is what was given. */
export type ParamsOf<
  Events extends EventMap,
  Name extends EventName<Events>,
  P,
> = string extends keyof Events ?
    & P
    & ([P] extends [Carried<P> & object | undefined] ? unknown
      : Carried<P> & object)
  : Events[Name] | NamedParams | JsonText;
