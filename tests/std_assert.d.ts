// The npm build of the standard library, see "imports" in deno.json, is
// JavaScript without types. These are the ones that the tests use.

declare module "@std/assert" {
  // deno-lint-ignore no-explicit-any
  type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

  export function assert(value: unknown, message?: string): asserts value;
  export function assertEquals<T>(
    actual: T,
    expected: T,
    message?: string,
  ): void;
  export function assertMatch(
    actual: string,
    expected: RegExp,
    message?: string,
  ): void;
  export function assertStringIncludes(
    actual: string,
    expected: string,
    message?: string,
  ): void;
  export function assertInstanceOf<E extends Error>(
    actual: unknown,
    expected: ErrorClass<E>,
    message?: string,
  ): asserts actual is E;
  export function assertThrows<E extends Error = Error>(
    fn: () => unknown,
    ErrorClass: ErrorClass<E>,
    messageIncludes?: string,
    message?: string,
  ): E;
  export function assertRejects<E extends Error = Error>(
    fn: () => PromiseLike<unknown>,
    ErrorClass: ErrorClass<E>,
    messageIncludes?: string,
    message?: string,
  ): Promise<E>;
}
