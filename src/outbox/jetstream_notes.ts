/**
 * What a JetStream outbox keeps beside events: subscriptions, attempts that
 * failed, and what receivers remember. Of each subject the last message counts.
 *
 * @module
 */

import { type Api, nanos, type StreamConfig } from "./jetstream_api.ts";
import { hashOf, type Names, tokenOf } from "./jetstream_names.ts";
import type { KeptSubscription } from "./store.ts";

/** An attempt that failed, of an event that is to be tried again. */
export interface Attempt {
  /** How many failed so far. */
  attempts: number;
  /** What the last one failed with. */
  lastError: string;
  /** Where to acknowledge the event: so others can have it tried at once. */
  reply: string;
}

/** A subscription that was kept, or removed. */
interface SubscriptionNote extends KeptSubscription {
  isRemoved?: boolean | undefined;
  /** Who wrote it. */
  author: string;
}

/** Called for what somebody else has kept, renewed or removed. */
export type OnSubscription = (
  subscription: KeptSubscription,
  isKept: boolean,
) => void;

const DAY_MS = 86_400_000;

const decoder = new TextDecoder();
const parse = <T>(data: Uint8Array): T => JSON.parse(decoder.decode(data));

/** See the module. */
export class JetStreamNotes {
  readonly #api: Api;
  readonly #names: Names;
  readonly #config: Partial<StreamConfig>;
  readonly #author: string = crypto.randomUUID();
  #notes: Promise<void> | undefined;
  #keys: { isThere: Promise<void>; maxAgeMs: number } | undefined;

  /** `config` is what all streams have in common. */
  constructor(api: Api, names: Names, config: Partial<StreamConfig>) {
    this.#api = api;
    this.#names = names;
    this.#config = { ...config, max_msgs_per_subject: 1 };
  }

  /** The subscriptions that have not ended by `now`. */
  async subscriptions(now: number): Promise<KeptSubscription[]> {
    const all = await this.#read<SubscriptionNote>(
      this.#names.note("subscription", ">"),
    );
    return all.filter(({ note: { isRemoved, expiresAt = Infinity } }) =>
      isRemoved !== true && expiresAt > now
    ).map(({ note }) => plain(note))
      .sort((a, b) => compare(a.event, b.event) || compare(a.socket, b.socket));
  }

  /** Keeps a subscription, or renews it. */
  async subscribe(subscription: KeptSubscription): Promise<void> {
    await this.#write({ ...subscription, author: this.#author });
  }

  /** Removes a subscription. */
  async unsubscribe(event: string, socket: string): Promise<void> {
    const author = this.#author;
    const subject = await this.#write({
      event,
      socket,
      isRemoved: true,
      author,
    });
    // All who listen have been told; after them nobody needs the note.
    await this.#api.purge(this.#names.notes, subject);
  }

  /** Tells what others do to subscriptions, until the function is called. */
  listen(onSubscription: OnSubscription): () => void {
    const subject = this.#names.note("subscription", ">");
    return this.#api.listen<SubscriptionNote>(subject, (note) => {
      if (note.author === this.#author) return;
      onSubscription(plain(note), note.isRemoved !== true);
    });
  }

  /** The attempt that failed last of an event, if one did. */
  async attempt(token: string, seq: number): Promise<Attempt | undefined> {
    const subject = this.#names.note("attempt", token, String(seq));
    const query = { last_by_subj: subject };
    const message = await this.#api.get(this.#names.notes, query);
    return message && parse<Attempt>(message.data);
  }

  /** All attempts of events of a target that are to be tried again. */
  async attempts(token: string): Promise<Map<number, Attempt>> {
    const all = await this.#read<Attempt>(
      this.#names.note("attempt", token, "*"),
    );
    return new Map(
      all.map(({ subject, note }) => [Number(subject.split(".").at(-1)), note]),
    );
  }

  /** Notes that an attempt failed. */
  async addAttempt(
    token: string,
    seq: number,
    attempt: Attempt,
  ): Promise<void> {
    await this.#ready();
    await this.#api.store(
      this.#names.note("attempt", token, String(seq)),
      JSON.stringify(attempt),
    );
  }

  /** Forgets the attempts of an event that is gone. */
  async forget(token: string, seq: number): Promise<void> {
    const subject = this.#names.note("attempt", token, String(seq));
    await this.#api.purge(this.#names.notes, subject);
  }

  /** See `KeyMemory`. */
  async recall(name: string, now: number): Promise<string | undefined> {
    const query = { last_by_subj: this.#names.key(await hashOf(name)) };
    const message = await this.#api.get(this.#names.keys, query);
    if (message === undefined) return undefined;
    const { text, until } = parse<{ text: string; until: number }>(
      message.data,
    );
    return until > now ? text : undefined;
  }

  /** See `KeyMemory`. */
  async remember(
    name: string,
    text: string,
    until: number,
    now: number,
  ): Promise<void> {
    const subject = this.#names.key(await hashOf(name));
    await this.#keep(until - now);
    await this.#api.store(subject, JSON.stringify({ text, until }));
  }

  /** Sees to it that texts are kept as long as this, and no longer. */
  async #keep(ms: number): Promise<void> {
    if (this.#keys === undefined || this.#keys.maxAgeMs < ms) {
      const { keys } = this.#names;
      const before = this.#keys?.maxAgeMs ?? await this.#maxAgeOf(keys);
      const maxAgeMs = Math.max(DAY_MS, ms, before);
      const isThere = this.#api.setUp({
        ...this.#config,
        name: keys,
        subjects: [this.#names.key("*")],
        max_age: nanos(maxAgeMs),
      });
      const state = this.#keys = { isThere, maxAgeMs };
      isThere.catch(() => {
        if (this.#keys === state) this.#keys = undefined;
      });
    }
    await this.#keys.isThere;
  }

  async #maxAgeOf(stream: string): Promise<number> {
    const info = await this.#api.info(stream);
    return Number(info?.config["max_age"] ?? 0) / 1e6;
  }

  #ready(): Promise<void> {
    if (this.#notes === undefined) {
      this.#notes = this.#api.setUp({
        ...this.#config,
        name: this.#names.notes,
        subjects: [
          this.#names.note("subscription", "*", "*"),
          this.#names.note("attempt", "*", "*"),
        ],
      });
      this.#notes.catch(() => this.#notes = undefined);
    }
    return this.#notes;
  }

  async #write(note: SubscriptionNote): Promise<string> {
    await this.#ready();
    const subject = this.#names.note(
      "subscription",
      await tokenOf(note.event),
      await tokenOf(note.socket),
    );
    await this.#api.store(subject, JSON.stringify(note));
    return subject;
  }

  async #read<T>(subjects: string): Promise<{ subject: string; note: T }[]> {
    const info = await this.#api.info(this.#names.notes, subjects);
    const all = await Promise.all(
      Object.keys(info?.state.subjects ?? {}).map(async (subject) => {
        const query = { last_by_subj: subject };
        const message = await this.#api.get(this.#names.notes, query);
        return message && { subject, note: parse<T>(message.data) };
      }),
    );
    return all.filter((entry) => entry !== undefined);
  }
}

function plain(
  { event, socket, expiresAt }: SubscriptionNote,
): KeptSubscription {
  return { event, socket, expiresAt };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
