/** An event from a line of JSON. */

import { JsonText, memberText } from "../../mod.ts";
import { UsageError } from "./arguments.ts";

/** An event as a line has it. */
export interface EventLine {
  readonly event: string;
  /** As they stand in the line. */
  readonly params: JsonText | undefined;
  /** By what an outbox knows the event again. */
  readonly key: string | undefined;
}

/**
 * Reads a line: `{"event":…,"params":…}`, or what `listen --json` writes, with a
 * `method` as the event and other members that are ignored. With `mayHaveKey` a
 * line may also have a `"key"`.
 *
 * @throws {UsageError} that says what is wrong with it.
 */
export function parseEventLine(line: string, mayHaveKey = false): EventLine {
  const value = parse(line);
  const event = eventOf(value, mayHaveKey ? [...MEMBERS, "key"] : MEMBERS);
  const { params } = value;
  const key = mayHaveKey ? value["key"] : undefined;
  if (key !== undefined && typeof key !== "string") {
    throw new UsageError(`its "key" is not a text`);
  }
  if (params === undefined) return { event, params, key };
  if (typeof params !== "object" || params === null) {
    throw new UsageError(`its "params" are neither an object nor an array`);
  }
  return { event, params: new JsonText(recordedText(value, line)), key };
}

/**
 * The params as they came to `listen --json`, which escapes what a terminal would
 * act upon and then gives them as a text, too.
 */
function recordedText(value: Record<string, unknown>, line: string): string {
  const { paramsText } = value;
  const params = memberText(line, "params")!;
  if (typeof paramsText !== "string" || value["event"] !== undefined) {
    return params;
  }
  try {
    const isSame = JSON.stringify(JSON.parse(paramsText)) ===
      JSON.stringify(value["params"]);
    if (isSame) return paramsText;
  } catch { /* it is not JSON */ }
  throw new UsageError(`its "paramsText" is not the text of its "params"`);
}

const MEMBERS: readonly string[] = ["event", "params"];

function parse(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new UsageError(`it is not JSON: ${(error as Error).message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new UsageError(
    `it is not a JSON object, expected {"event":…,"params":…}`,
  );
}

function eventOf(
  value: Record<string, unknown>,
  members: readonly string[],
): string {
  const isOfListen = value["event"] === undefined &&
    value["method"] !== undefined;
  const name = isOfListen ? "method" : "event";
  const event = value[name];
  if (typeof event !== "string" || event === "") {
    throw new UsageError(`it has no "${name}" that is a name`);
  }
  if (isOfListen) return event;
  for (const name in value) {
    if (members.includes(name)) continue;
    const known = members.map((member) => JSON.stringify(member));
    throw new UsageError(
      `it has ${JSON.stringify(name)}, expected ${
        new Intl.ListFormat("en").format(known)
      } only`,
    );
  }
  return event;
}
