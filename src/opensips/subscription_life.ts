/**
 * The life of the subscriptions of one socket at an OpenSIPS: a state machine
 * without I/O and clock. It is told the responses and the time, and says what to
 * ask next, one thing at a time.
 *
 * | state | asks | and then |
 * |---|---|---|
 * | seeking | by which address we are reached, once; which events there are | checking |
 * | checking | who is subscribed | subscribing |
 * | subscribing | each subscription that is new, lost, or half over | resting |
 * | resting | nothing until the next check or renewal | seeking |
 * | waiting | nothing for a while, which grows: the last request failed | seeking |
 * | ending | the end of each subscription that may be there | ended |
 * | ended | nothing | |
 *
 * @module
 */

import { didYouMean } from "../protocol/did_you_mean.ts";
import { quote, type ServerError } from "../protocol/errors.ts";
import type { MiSubscriber } from "./mi_client.ts";
import type { Dialect } from "./address.ts";
import { isPattern, matcherOf } from "./patterns.ts";

/** What to ask next; of a subscription, `expire` 0 ends it. */
export type Ask =
  | { readonly kind: "address" | "events" | "subscribers" }
  | {
    readonly kind: "subscribe";
    readonly event: string;
    readonly socket: string;
    readonly expire: number;
  };

/** What became of what was asked. */
export type Heard =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "events"; readonly names: readonly string[] }
  | { readonly kind: "subscribers"; readonly list: readonly MiSubscriber[] }
  | { readonly kind: "subscribed" }
  | { readonly kind: "refused"; readonly error: ServerError }
  | { readonly kind: "failed"; readonly error: Error };

/** A time in which events may have been missed, in ms on the caller's clock. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** What has changed. */
export type Change =
  | {
    readonly kind: "subscribed";
    readonly event: string;
    readonly socket: string;
    readonly missed?: Span;
  }
  | {
    readonly kind: "lost";
    readonly events: readonly string[];
    readonly from: number;
  }
  | {
    readonly kind: "refused";
    readonly event: string;
    readonly reason: string;
    readonly error?: ServerError;
  }
  | {
    readonly kind: "unreachable";
    readonly error: Error;
    readonly retryMs: number;
  }
  | { readonly kind: "reachable"; readonly downMs: number };

/** What is to be subscribed, and how. */
export interface LifeOptions {
  /** Names of events, or patterns of them. */
  readonly events: readonly string[];
  /** `host:port`; absent: it is asked for. */
  readonly address?: string | undefined;
  /** The dialects in the order in which they are tried. */
  readonly dialects: readonly Dialect[];
  /** In seconds. */
  readonly expire: number;
  readonly checkMs: number;
}

/** The first pause after a failure; each one is twice the one before. */
const FIRST_RETRY_MS = 500;

/** One event that is to be subscribed. */
interface Wanted {
  readonly event: string;
  /** Which dialect is tried next, or was taken. */
  dialect: number;
  /** How many dialects were refused in this check. */
  tried: number;
  /** From when on it needs no request: until then it is subscribed. */
  renewAt: number;
  /** Whether OpenSIPS took it, as far as is known. */
  isSubscribed: boolean;
  /** Whether OpenSIPS may have it, so that it is to be ended. */
  mayBeThere: boolean;
  /** When it was surely there for the last time; absent: never. */
  seenAt?: number;
  /** Why it was refused; told once. */
  refusal?: string;
}

type State =
  | "seeking"
  | "checking"
  | "subscribing"
  | "resting"
  | "waiting"
  | "ending"
  | "ended";

/** See the head of this file. */
export class SubscriptionLife {
  readonly #options: LifeOptions;
  /** The dialect that was taken last, or the first. */
  #dialect = 0;
  #address: string | undefined;
  #state: State = "seeking";
  /** By event. */
  readonly #wanted = new Map<string, Wanted>();
  /** The events that there are, of those that are wanted. */
  #published: ReadonlySet<string> = new Set();
  /** Names and patterns for which there is no event, and what was told of it. */
  readonly #unmatched = new Map<string, string>();
  /** Those that are still to be asked for, in this check or at the end. */
  #left: Wanted[] = [];
  /** When the last request was sent. */
  #askedAt = 0;
  /** Until when it rests or waits. */
  #until = 0;
  #failures = 0;
  #failedAt = 0;
  #hasChecked = false;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#address = options.address;
  }

  /** Whether all has been asked for once: then the refusals are known. */
  get hasChecked(): boolean {
    return this.#hasChecked;
  }

  /** Why what was wanted is not subscribed, by name or pattern. */
  get refusals(): ReadonlyMap<string, string> {
    const refused = [...this.#wanted.values()].flatMap(({ event, refusal }) =>
      refusal === undefined ? [] : [[event, refusal] as const]
    );
    return new Map([...this.#unmatched, ...refused]);
  }

  /** What to ask now, until when to wait, or `undefined` at the end. */
  next(now: number): Ask | number | undefined {
    if (this.#state === "ended") return undefined;
    if (this.#state === "resting" || this.#state === "waiting") {
      if (now < this.#until) return this.#until;
      this.#state = "seeking";
    }
    this.#askedAt = now;
    if (this.#state === "seeking") {
      return { kind: this.#address === undefined ? "address" : "events" };
    }
    if (this.#state === "checking") return { kind: "subscribers" };
    const { expire } = this.#options;
    const wanted = this.#left[0]!; // else the state would be another
    wanted.mayBeThere = true;
    return {
      kind: "subscribe",
      event: wanted.event,
      socket: this.#socketOf(wanted),
      expire: this.#state === "ending" ? 0 : expire,
    };
  }

  /** Takes what became of the last request, and tells what has changed. */
  heard(heard: Heard, now: number): Change[] {
    if (this.#state === "ending") {
      // Nobody waits for one that does not respond: its subscriptions expire.
      if (heard.kind === "failed") this.#left = [];
      else this.#left.shift();
      if (this.#left.length === 0) this.#state = "ended";
      return [];
    }
    if (heard.kind === "failed") return this.#fail(heard.error, now);
    if (heard.kind === "refused" && this.#state !== "subscribing") {
      return this.#fail(heard.error, now);
    }
    const changes = this.#recover(now);
    switch (heard.kind) {
      case "address":
        this.#address = heard.address;
        break;
      case "events":
        changes.push(...this.#seek(heard.names));
        this.#state = "checking";
        break;
      case "subscribers":
        changes.push(...this.#check(heard.list, now));
        break;
      case "subscribed":
        changes.push(...this.#take(now));
        break;
      case "refused":
        changes.push(...this.#refuse(heard.error));
    }
    if (this.#state === "subscribing" && this.#left.length === 0) {
      this.#rest(now);
    }
    return changes;
  }

  /** From now on, ends the subscriptions. */
  end(): void {
    if (this.#state === "ending" || this.#state === "ended") return;
    this.#left = [...this.#wanted.values()].filter((w) => w.mayBeThere);
    this.#state = this.#left.length === 0 ? "ended" : "ending";
  }

  #socketOf({ dialect }: Wanted): string {
    return `${this.#options.dialects[dialect]}:${this.#address}`;
  }

  #fail(error: Error, now: number): Change[] {
    const { checkMs } = this.#options;
    const retryMs = Math.min(checkMs, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#state = "waiting";
    this.#until = now + retryMs;
    if (this.#failures++ > 0) return [];
    this.#failedAt = now;
    return [{ kind: "unreachable", error, retryMs }];
  }

  #recover(now: number): Change[] {
    if (this.#failures === 0) return [];
    this.#failures = 0;
    return [{ kind: "reachable", downMs: now - this.#failedAt }];
  }

  /** Finds the events that are wanted among those that there are. */
  #seek(names: readonly string[]): Change[] {
    const changes: Change[] = [];
    const found = new Set<string>();
    for (const wish of this.#options.events) {
      const matches = names.filter(matcherOf(wish));
      for (const event of matches) found.add(event);
      if (matches.length > 0) {
        this.#unmatched.delete(wish);
        continue;
      }
      const reason = unmatched(wish, names);
      if (this.#unmatched.get(wish) !== reason) {
        changes.push({ kind: "refused", event: wish, reason });
      }
      this.#unmatched.set(wish, reason);
    }
    this.#published = found;
    for (const event of found) {
      if (!this.#wanted.has(event)) {
        this.#wanted.set(event, {
          event,
          dialect: this.#dialect,
          tried: 0,
          renewAt: -Infinity,
          isSubscribed: false,
          mayBeThere: false,
        });
      }
    }
    return changes;
  }

  /** Finds which subscriptions are there, and which need a request. */
  #check(list: readonly MiSubscriber[], now: number): Change[] {
    const { expire } = this.#options;
    const lost: Wanted[] = [];
    this.#left = [];
    for (const wanted of this.#wanted.values()) {
      const socket = this.#socketOf(wanted);
      const there = list.find((subscriber) =>
        subscriber.event === wanted.event && subscriber.socket === socket &&
        subscriber.ttl !== 0
      );
      if (wanted.isSubscribed && there !== undefined) {
        wanted.seenAt = this.#askedAt;
        // Somebody may have renewed it for a shorter time.
        const isOurs = there.expire === undefined || there.expire === expire;
        if (isOurs && now < wanted.renewAt) continue;
      } else if (wanted.isSubscribed) {
        wanted.isSubscribed = false;
        lost.push(wanted);
      }
      wanted.tried = 0;
      if (this.#published.has(wanted.event)) this.#left.push(wanted);
    }
    this.#state = "subscribing";
    return lost.length === 0 ? [] : [{
      kind: "lost",
      events: lost.map(({ event }) => event),
      from: Math.min(...lost.map(({ seenAt }) => seenAt!)),
    }];
  }

  /** The subscription that was asked for is there. */
  #take(now: number): Change[] {
    const wanted = this.#left.shift()!;
    const { seenAt, isSubscribed, dialect } = wanted;
    this.#dialect = dialect;
    for (const other of this.#left) {
      if (!other.isSubscribed) other.dialect = dialect;
    }
    wanted.isSubscribed = true;
    wanted.seenAt = this.#askedAt;
    wanted.renewAt = this.#askedAt + this.#options.expire * 500;
    delete wanted.refusal;
    if (isSubscribed) return []; // it was renewed
    const change: Change = {
      kind: "subscribed",
      event: wanted.event,
      socket: this.#socketOf(wanted),
    };
    return seenAt === undefined
      ? [change]
      : [{ ...change, missed: { from: seenAt, until: now } }];
  }

  /** OpenSIPS refuses what was asked for. */
  #refuse(error: ServerError): Change[] {
    const { dialects } = this.#options;
    const wanted = this.#left[0]!;
    if (error.code === 400) {
      // It says only that something is wrong: perhaps it is the dialect.
      wanted.dialect = (wanted.dialect + 1) % dialects.length;
      if (++wanted.tried < dialects.length) return [];
    }
    this.#left.shift();
    wanted.mayBeThere = wanted.isSubscribed;
    const reason = error.code === 400
      ? `OpenSIPS takes neither ${
        dialects.map((dialect) => quote(`${dialect}:${this.#address}`))
          .join(" nor ")
      }: it has loaded neither event_stream (3.1 and later) nor event_jsonrpc ` +
        `(up to 3.0), or cannot resolve the host to an IPv4 address`
      : `OpenSIPS responds with error ${error.code}: ${error.message}`;
    if (wanted.refusal === reason) return [];
    wanted.refusal = reason;
    return [{ kind: "refused", event: wanted.event, reason, error }];
  }

  #rest(now: number): void {
    const renewals = [...this.#wanted.values()]
      .filter(({ isSubscribed }) => isSubscribed)
      .map(({ renewAt }) => renewAt);
    this.#until = Math.min(now + this.#options.checkMs, ...renewals);
    this.#state = "resting";
    this.#hasChecked = true;
  }
}

/** How many names a message lists. */
const MAX_LISTED = 20;

function unmatched(wish: string, names: readonly string[]): string {
  const listed = names.slice(0, MAX_LISTED).join(", ") +
    (names.length > MAX_LISTED ? " …" : "");
  const hint = isPattern(wish) ? "" : didYouMean(wish, names);
  return isPattern(wish)
    ? `no event is called ${quote(wish)}; published are ${listed}`
    : `the event ${
      quote(wish)
    } is not published${hint}; published are ${listed}`;
}
