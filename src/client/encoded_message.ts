/**
 * JSON-RPC 2.0 messages as OpenSIPS puts them on the wire, and back.
 *
 * What comes before the params is the same in all messages of one event to
 * subscribers of one dialect and method, save the id: it is made once, as bytes.
 * The params of an event are encoded once for all its subscribers.
 *
 *     {"id":null   ,"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":   {…}}
 *
 * @module
 */

import { ParamsError, quote } from "../protocol/errors.ts";
import { MAX_DEPTH } from "../protocol/json_stream.ts";
import { type EventParams, NamedParams } from "../protocol/params.ts";
import type { EventSocket } from "../protocol/socket.ts";

const encoder = new TextEncoder();

/**
 * How long the params of one event may be, in UTF-16 code units. No queue
 * takes more by default, and a value that never ends is refused in time.
 */
export const MAX_PARAMS_LENGTH = 16 * 1024 * 1024;

import { MAX_ID } from "../protocol/message.ts";

/**
 * What the messages of one event to subscribers of one dialect and method have
 * in common: their heads, of a notification and of a request after its id.
 */
export interface Template {
  /** The event's name. */
  readonly event: string;
  /** The dialect of the messages. */
  readonly protocol: EventSocket["protocol"];
  /** The method, unless it is the event's name. */
  readonly method?: string;
  readonly notification: Heads;
  readonly request: Heads;
}

/** A head for each kind of params. */
type Heads = Readonly<Record<EncodedParams["kind"], Head>>;

/** What comes before the params, as UTF-8. */
export interface Head {
  readonly bytes: Uint8Array;
  /** How many bytes of the params it replaces. */
  readonly replaces: number;
}

/**
 * The params of a message as JSON text in UTF-8, with the `}` that ends it.
 * Valid until params are encoded again.
 */
export interface EncodedParams {
  readonly bytes: Uint8Array;
  /** How many of the bytes it is. */
  readonly length: number;
  readonly kind: "named" | "unnamed" | "empty";
}

/** A copy that stays as it is. */
export function keepParams(params: EncodedParams): EncodedParams {
  return { ...params, bytes: params.bytes.slice(0, params.length) };
}

/** Throws a TypeError unless `eventParam` is absent or a non-empty string. */
export function checkEventParam(eventParam: unknown): void {
  if (
    eventParam !== undefined &&
    (typeof eventParam !== "string" || eventParam === "")
  ) {
    throw new TypeError(
      `Cannot use eventParam ${
        quote(String(eventParam))
      }: expected a non-empty string`,
    );
  }
}

/**
 * Makes the template of an event's messages: see {@linkcode buildMessage}, also
 * for what is thrown.
 */
export function templateOf(
  { protocol, method }: Pick<EventSocket, "protocol" | "method">,
  event: string,
  eventParam?: string,
): Template {
  if (typeof event !== "string" || event === "") {
    throw new TypeError(
      `Cannot raise event ${quote(String(event))}: expected a non-empty string`,
    );
  }
  checkEventParam(eventParam);
  const body = `"jsonrpc":"2.0","method":${JSON.stringify(method || event)}`;
  const headsOf = (start: string) =>
    protocol === "tcp"
      ? headsOfTcp(start + body, event, eventParam)
      : headsOfJsonrpc(start + body, event, eventParam);
  return {
    event,
    protocol,
    method,
    notification: headsOf(protocol === "tcp" ? "{" : '{"id":null,'),
    request: headsOf(","),
  };
}

function headsOfJsonrpc(
  start: string,
  event: string,
  eventParam: string | undefined,
): Heads {
  const params = `${start},"params":`;
  if (eventParam === undefined) {
    const head = headOf(params, 0);
    return { named: head, unnamed: head, empty: head };
  }
  const name = JSON.stringify(event);
  const member = `{${JSON.stringify(eventParam)}:${name}`;
  return {
    named: headOf(`${params}${member},`, 1),
    unnamed: headOf(`${params}[${name},`, 1),
    empty: headOf(`${params}${member}`, 1),
  };
}

/** In this dialect, there are named params or none. */
function headsOfTcp(
  start: string,
  event: string,
  eventParam: string | undefined,
): Heads {
  const { named, unnamed } = headsOfJsonrpc(start, event, eventParam);
  return { named, unnamed, empty: headOf(`${start}}`, Infinity) };
}

function headOf(text: string, replaces: number): Head {
  return { bytes: encoder.encode(text), replaces };
}

/** How many bytes a message has, without an id. */
export function messageLength(head: Head, params: EncodedParams): number {
  return head.bytes.length + Math.max(0, params.length - head.replaces);
}

/** Writes a message, of a request what follows the id; returns its end. */
export function writeMessage(
  bytes: Uint8Array,
  at: number,
  head: Head,
  params: EncodedParams,
): number {
  bytes.set(head.bytes, at);
  at += head.bytes.length;
  const { length } = params;
  if (length > SHORT) {
    if (head.replaces >= length) return at;
    bytes.set(params.bytes.subarray(head.replaces, length), at);
    return at + length - head.replaces;
  }
  for (let i = head.replaces; i < length; i++) bytes[at++] = params.bytes[i];
  return at;
}

/** So few bytes are copied faster one by one. */
const SHORT = 48;

const ID_START = encoder.encode('{"id":');

/** How long the beginning of a request is at most, with its id. */
export const MAX_ID_BYTES = ID_START.length + String(MAX_ID).length;

/** Writes the beginning of a request with its id; returns its end. */
export function writeId(bytes: Uint8Array, at: number, id: number): number {
  for (let i = 0; i < ID_START.length; i++) bytes[at++] = ID_START[i];
  let end = at + 1;
  for (let power = 10; power <= id; power *= 10) end++;
  for (let i = end - 1; i >= at; i--) {
    const rest = (id / 10) | 0; // Math.floor() would divide as floats
    bytes[i] = 0x30 + id - 10 * rest;
    id = rest;
  }
  return end;
}

/**
 * Encodes params: see {@linkcode buildMessage}.
 *
 * @throws {ParamsError} if `params` hold what JSON cannot carry unchanged, or
 * a name equal to `eventParam`; the error names the path.
 */
export function encodeParams(
  params: EventParams,
  eventParam: string | undefined,
): EncodedParams {
  const flat = encodeFlat(params, eventParam);
  if (flat !== undefined) return flat;
  const text = new Encoder("params", eventParam).encodeParams(params);
  const isEmpty = text.length === 2;
  const bytes = encoder.encode(isEmpty ? "{}}" : `${text}}`);
  const kind = isEmpty ? "empty" : text[0] === "{" ? "named" : "unnamed";
  return { bytes, length: bytes.length, kind };
}

/** Where flat params are encoded; those that do not fit are not. */
const FLAT_BYTES = 4096;
let flatBytes: Uint8Array | undefined = new Uint8Array(FLAT_BYTES);

const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, BACKSLASH = 0x5c;
const OPEN = 0x7b, CLOSE = 0x7d;

/**
 * Encodes an object of scalars, as the params of nearly all events are, in a
 * tenth of the time that {@linkcode Encoder} takes. Whatever is unusual it
 * leaves to that one, and what is wrong, too; so a getter may be called twice.
 */
function encodeFlat(
  params: unknown,
  eventParam: string | undefined,
): EncodedParams | undefined {
  if (typeof params !== "object" || params === null) return undefined;
  const object = params as Record<string, unknown>;
  // A getter may raise an event itself: then there is none left for that.
  const bytes = flatBytes ?? new Uint8Array(FLAT_BYTES);
  flatBytes = undefined;
  let at = 0;
  try {
    if (Object.getPrototypeOf(object) !== Object.prototype) return undefined;
    for (const name in object) {
      if (name === eventParam || !Object.hasOwn(object, name)) return undefined;
      bytes[at] = at === 0 ? OPEN : COMMA;
      at = writeText(bytes, at + 1, name);
      if (at === 0) return undefined;
      bytes[at++] = COLON;
      const value = object[name]; // once: it may be a getter
      if (typeof value === "string") {
        at = writeText(bytes, at, value);
        if (at === 0) return undefined;
      } else if (
        value === null || typeof value === "boolean" ||
        typeof value === "number" && Number.isFinite(value)
      ) {
        const text = String(value);
        for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
      } else {
        return undefined;
      }
    }
  } catch {
    return undefined; // a getter or a Proxy threw
  } finally {
    flatBytes = bytes;
  }
  if (at > FLAT_BYTES - 2) return undefined;
  if (at === 0) bytes[at++] = OPEN;
  const kind = at === 1 ? "empty" : "named";
  bytes[at++] = CLOSE;
  bytes[at++] = CLOSE;
  // The same object each time: to make one for each event takes 5 % of a raise.
  flat.bytes = bytes;
  flat.length = at;
  flat.kind = kind;
  return flat;
}

const flat: { -readonly [K in keyof EncodedParams]: EncodedParams[K] } = {
  bytes: new Uint8Array(0),
  length: 0,
  kind: "empty",
};

/**
 * Writes a text as JSON; returns its end, or 0 if there may not be room for it
 * and the longest scalar that is no text. Nearly all texts are ASCII, which is
 * written here in a fifth of the time that a call of the runtime takes.
 */
function writeText(bytes: Uint8Array, start: number, text: string): number {
  const { length } = text;
  if (start + 6 * length + 40 > FLAT_BYTES) return 0;
  let at = start;
  bytes[at++] = QUOTE;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) {
      const { written } = encoder.encodeInto(
        JSON.stringify(text),
        bytes.subarray(start),
      );
      return start + written;
    }
    if (unit === QUOTE || unit === BACKSLASH) bytes[at++] = BACKSLASH;
    bytes[at++] = unit;
  }
  bytes[at++] = QUOTE;
  return at;
}

/**
 * JSON text of `value`, which is called `name` in errors.
 *
 * @throws {ParamsError} if JSON cannot carry it unchanged.
 */
export function encodeJson(value: unknown, name: string): string {
  return new Encoder(name).encodeRoot(value);
}

/**
 * A `JSON.stringify` that refuses what that one drops, turns to null or
 * replaces, calls no `toJSON`, and says where in the value it stood. Every
 * property is read once.
 */
class Encoder {
  readonly #reserved: string | undefined;
  readonly #path: (string | number)[];
  readonly #ancestors: object[] = [];
  #length = 0;

  constructor(name: string, reserved?: string) {
    this.#path = [name];
    this.#reserved = reserved;
  }

  encodeRoot(value: unknown): string {
    return this.#guard(() => this.#encode(value));
  }

  encodeParams(params: unknown): string {
    return this.#guard(() => {
      if (params instanceof NamedParams) return this.#encodePairs(params);
      if (typeof params !== "object" || params === null) {
        throw this.#refuse(
          `it is ${
            describe(params)
          }, expected a plain object, an array or NamedParams`,
        );
      }
      if (
        this.#reserved !== undefined && Object.hasOwn(params, this.#reserved) &&
        !Array.isArray(params)
      ) {
        throw this.#refuseReserved();
      }
      return this.#encode(params);
    });
  }

  /** Turns whatever a getter or a Proxy throws into an error with the path. */
  #guard(encode: () => string): string {
    try {
      return encode();
    } catch (cause) {
      if (cause instanceof ParamsError) throw cause;
      throw new ParamsError(this.#pathText(), "reading it failed", { cause });
    }
  }

  #encode(value: unknown): string {
    switch (typeof value) {
      case "string":
        return this.#measure(JSON.stringify(value));
      case "number":
        if (!Number.isFinite(value)) break;
        return this.#measure(String(value));
      case "boolean":
        return this.#measure(String(value));
      case "object":
        if (value === null) return this.#measure("null");
        return this.#encodeObject(value);
    }
    throw this.#refuse(`it is ${describe(value)}, which is not a JSON value`);
  }

  #encodeObject(value: object): string {
    // The message around it is a level too.
    if (this.#ancestors.length >= MAX_DEPTH - 1) throw this.#refuseDepth(value);
    this.#measure("{}");
    this.#ancestors.push(value);
    const text = Array.isArray(value)
      ? this.#encodeArray(value)
      : this.#encodeMembers(value);
    this.#ancestors.pop();
    return text;
  }

  #encodeArray(values: unknown[]): string {
    let text = "[";
    const { length } = values;
    for (let i = 0; i < length; i++) {
      this.#path.push(i);
      text += (i === 0 ? "" : ",") + this.#encode(values[i]);
      this.#path.pop();
    }
    if (Reflect.ownKeys(values).length !== length + 1) { // with "length" itself
      throw this.#refuse("it is an array with properties besides its elements");
    }
    return text + "]";
  }

  #encodeMembers(object: object): string {
    if (!isPlain(object)) {
      const other = this.#ancestors.length === 1 ? "NamedParams" : "a scalar";
      throw this.#refuse(
        `it is ${
          describe(object)
        }, expected a plain object, an array or ${other}`,
      );
    }
    let text = "{";
    for (const name of Object.keys(object)) {
      this.#path.push(name);
      text += (text === "{" ? "" : ",") +
        this.#encodeMember(name, Reflect.get(object, name));
      this.#path.pop();
    }
    return text + "}";
  }

  #encodePairs(params: NamedParams): string {
    let text = "{";
    for (const [name, value] of params) {
      if (name === this.#reserved) throw this.#refuseReserved();
      this.#path.push(name);
      text += (text === "{" ? "" : ",") + this.#encodeMember(name, value);
      this.#path.pop();
    }
    return text + "}";
  }

  #encodeMember(name: string, value: unknown): string {
    return `${this.#measure(JSON.stringify(name))}:${this.#encode(value)}`;
  }

  #measure(text: string): string {
    this.#length += text.length + 1;
    if (this.#length > MAX_PARAMS_LENGTH) {
      throw this.#refuse(
        `up to here the params are longer than ${MAX_PARAMS_LENGTH} characters`,
      );
    }
    return text;
  }

  #refuse(problem: string): ParamsError {
    return new ParamsError(this.#pathText(), problem);
  }

  #refuseReserved(): ParamsError {
    this.#path.push(this.#reserved!);
    return this.#refuse(
      "the event param has that name and carries the event's name",
    );
  }

  #refuseDepth(value: object): ParamsError {
    const trail = [...this.#ancestors, value];
    const end = trail.findIndex((object, i) => trail.indexOf(object) < i);
    if (end !== -1) this.#path.length = end + 1;
    return this.#refuse(
      end !== -1
        ? "it is a cycle, which JSON cannot carry"
        : `the message is nested deeper than ${MAX_DEPTH} levels`,
    );
  }

  #pathText(): string {
    return this.#path.slice(0, 20).map((key, i) => {
      if (i === 0) return String(key);
      if (typeof key === "number") return `[${key}]`;
      return /^[\p{ID_Start}$_][\p{ID_Continue}$]{0,99}$/u.test(key)
        ? `.${key}`
        : `[${quote(key)}]`;
    }).join("") + (this.#path.length > 20 ? "…" : "");
  }
}

/** An object literal, a parsed JSON object, or one without a prototype. */
function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object);
  return prototype === null || prototype === Object.prototype ||
    // the Object.prototype of another realm
    Object.getPrototypeOf(prototype) === null &&
      Object.hasOwn(prototype, "hasOwnProperty");
}

function className(object: object): unknown {
  return Object.getPrototypeOf(object)?.constructor?.name;
}

/** The text as {@linkcode quote} shows it, without the quotes. */
function shown(text: string): string {
  return quote(text).slice(1, -1);
}

function describe(value: unknown): string {
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
