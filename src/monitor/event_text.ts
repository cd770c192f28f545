/**
 * An event as people like to read it in a terminal.
 *
 * @module
 */

import { formatHost } from "../protocol/socket.ts";
import type { Address } from "../transport/listen.ts";
import { membersOf, partsOf } from "./json_parts.ts";
import { printable } from "./printable.ts";

/** An event to print. */
export interface PrintedEvent {
  /** Its method. */
  readonly method: string;
  /** Its params, as JSON text: the digits and names that came are printed. */
  readonly params: string;
  /** The id of a request, as JSON text; `undefined` for a notification. */
  readonly id?: string | undefined;
  /** Who sent it. */
  readonly peer: Address;
  /** When it came. */
  readonly time: Date;
}

/** Options of {@linkcode formatEvent}. */
export interface FormatEventOptions {
  /**
   * Whether to use colours, by escape sequences.
   *
   * @default {false}
   */
  color?: boolean | undefined;
  /**
   * How many columns the terminal has. An event that fits into them takes one
   * line, another has a line for each param.
   *
   * @default {80}
   */
  columns?: number | undefined;
}

const COLUMNS = 80;
/** A longer name does not push the values of the others aside. */
const MAX_NAME = 24;
const INDENT = "  ";

const PLAIN = { dim: "", bold: "", name: "", text: "", value: "", off: "" };
const COLORS: typeof PLAIN = {
  dim: "\x1b[2m",
  bold: "\x1b[1m",
  name: "\x1b[35m",
  text: "\x1b[32m",
  value: "\x1b[36m",
  off: "\x1b[0m",
};

/** What is no text if it has no quotes. */
const NO_TEXT =
  /^(?:true|false|null|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$/;

/**
 * Formats an event for people: the time of the day, the peer, the method, and the
 * params by their names. Texts that need no quotes have none. What a terminal
 * would act upon is escaped. There is no line break at the end.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * import { formatEvent } from "./mod.ts";
 *
 * const text = formatEvent({
 *   method: "E_PIKE_BLOCKED",
 *   params: `{"ip":"192.168.2.11","count":3}`,
 *   peer: { hostname: "10.0.0.7", port: 40112 },
 *   time: new Date(),
 * });
 * assertMatch(
 *   text,
 *   /^[0-9:.]{12} 10\.0\.0\.7:40112 E_PIKE_BLOCKED {2}ip=192\.168\.2\.11 {2}count=3$/,
 * );
 * ```
 */
export function formatEvent(
  event: PrintedEvent,
  options: FormatEventOptions = {},
): string {
  const { color = false, columns = COLUMNS } = options;
  const paint = color ? COLORS : PLAIN;
  const { dim, bold, off } = paint;
  const { hostname, port } = event.peer;
  const method = printable(event.method);
  const peer = printable(`${formatHost(hostname)}:${port}`);
  const time = timeOfDay(event.time);
  const id = event.id === undefined ? "" : ` #${printable(event.id)}`;
  const head = `${dim}${time} ${peer}${off} ${bold}${method}${off}` +
    (id === "" ? "" : `${dim}${id}${off}`);
  const members = membersOf(event.params);
  const params = members.map(({ name, value }) => {
    const label = name === undefined ? undefined : nameText(name);
    return { label, plain: valueText(value), value };
  });
  let width = time.length + peer.length + method.length + id.length + 2;
  for (const { label, plain } of params) {
    width += 2 + (label === undefined ? 0 : label.length + 1) + plain.length;
  }
  if (width <= columns) {
    return head + params.map(({ label, plain, value }) => {
      const name = label === undefined ? "" : `${paint.name}${label}${off}=`;
      return `${INDENT}${name}${painted(plain, value, paint)}`;
    }).join("");
  }
  const longest = Math.max(...params.map(({ label }) => label?.length ?? 0));
  const column = Math.min(longest, MAX_NAME);
  return [
    head,
    ...params.map(({ label, plain, value }) => {
      const name = label === undefined
        ? ""
        : `${paint.name}${label}${off}${
          " ".repeat(
            Math.max(0, column - label.length),
          )
        }  `;
      const room = columns - INDENT.length * 2 - column;
      const text = plain.length > room && isNested(value)
        ? indented(value, paint)
        : painted(plain, value, paint);
      return `${INDENT}${name}${text}`;
    }),
  ].join("\n");
}

function timeOfDay(time: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const ms = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${
    two(time.getSeconds())
  }.${ms}`;
}

function nameText(name: string): string {
  return printable(/^[^\s"=]+$/.test(name) ? name : JSON.stringify(name));
}

/** A value without colours: texts that cannot be mistaken have no quotes. */
function valueText(value: string): string {
  if (!value.startsWith('"')) return printable(value);
  const text = JSON.parse(value) as string;
  const isBare = /^[^\s"[{][^\s"]*$/.test(text) && !NO_TEXT.test(text);
  return printable(isBare ? text : value);
}

function painted(plain: string, value: string, paint: typeof PLAIN): string {
  if (isNested(value)) return printable(value);
  const isText = value.startsWith('"');
  return `${isText ? paint.text : paint.value}${plain}${paint.off}`;
}

function isNested(value: string): boolean {
  return value.startsWith("{") || value.startsWith("[");
}

/** A JSON text with line breaks, below a line that is indented. */
function indented(text: string, paint: typeof PLAIN): string {
  const parts = partsOf(text);
  let depth = 1, out = "";
  const line = () => `\n${INDENT.repeat(depth)}`;
  for (const [i, part] of parts.entries()) {
    const isClosing = part === "}" || part === "]";
    const isEmpty = isClosing && /[{[]/.test(parts[i - 1] ?? "");
    if (isClosing) depth--;
    if (isClosing && !isEmpty) out += line();
    if (part === "{" || part === "[") {
      depth++;
      const next = parts[i + 1];
      out += part + (next === "}" || next === "]" ? "" : line());
    } else if (part === ",") out += part + line();
    else if (part === ":") out += ": ";
    else if (isClosing) out += part;
    else {
      const color = !part.startsWith('"')
        ? paint.value
        : parts[i + 1] === ":"
        ? paint.name
        : paint.text;
      out += `${color}${printable(part)}${paint.off}`;
    }
  }
  return out;
}
