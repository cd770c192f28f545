import { assertThrows } from "@std/assert";
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMs,
  checkMsOrInfinity,
  checkPositiveInteger,
  checkSignal,
  checkText,
} from "../../src/protocol/checks.ts";

const pure = { permissions: "none" } as const;

const NO_NUMBERS = ["2000", 2000n, [2000], { valueOf: () => 1 }, null, true];

Deno.test(
  "checkMs() refuses what is no number, and what is out of range",
  pure,
  () => {
    for (const value of [1, 0.5, 2147483647]) checkMs("timeoutMs", value);
    for (const value of [0, -1, NaN, Infinity, 2147483648]) {
      assertThrows(
        () => checkMs("timeoutMs", value),
        RangeError,
        `Cannot use timeoutMs ${value}: expected milliseconds`,
      );
    }
    for (const value of NO_NUMBERS) {
      for (const check of [checkMs, checkMsOrInfinity, checkPositiveInteger]) {
        assertThrows(() => check("n", value), TypeError, "Cannot use n ");
      }
    }
    checkMsOrInfinity("idleTimeoutMs", Infinity);
  },
);

Deno.test("checkInteger() names the bounds", pure, () => {
  checkInteger("port", 0, 0, 65535);
  for (const port of [-1, 65536, 1.5]) {
    assertThrows(
      () => checkInteger("port", port, 0, 65535),
      RangeError,
      `Cannot use port ${port}: expected an integer from 0 to 65535`,
    );
  }
});

Deno.test("checks show values of other types", pure, () => {
  assertThrows(
    () => checkText("event", 5n),
    TypeError,
    "event 5n: expected a non-empty string",
  );
  assertThrows(() => checkText("event", ""), TypeError, `event ""`);
  assertThrows(
    () => checkBoolean("syncMode", "yes"),
    TypeError,
    `syncMode "yes"`,
  );
  assertThrows(
    () => checkFunction("connect", {}),
    TypeError,
    "connect of type object",
  );
  assertThrows(
    () => checkSignal(null),
    TypeError,
    "signal null: expected an AbortSignal",
  );
  checkSignal(undefined);
  checkSignal(new AbortController().signal);
});
