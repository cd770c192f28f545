/**
 * Looks at what the streams of a JetStream outbox keep.
 *
 * @module
 */

import type { Api, StoredMessage } from "./jetstream_api.ts";
import { decodeBody } from "./jetstream_body.ts";
import type { Names } from "./jetstream_names.ts";
import type { Attempt, JetStreamNotes } from "./jetstream_notes.ts";
import type { Kept, Target, Targets } from "./jetstream_targets.ts";
import type { EventFilter, KeptEvent, TargetStats } from "./store.ts";

/** An event, and where it is. */
export interface Found {
  readonly event: KeptEvent;
  readonly target: Target;
  readonly stream: string;
  readonly seq: number;
  /** The attempt that failed last, if it waits to be tried again. */
  readonly attempt: Attempt | undefined;
}

/** How many messages are asked for at once. */
const PAGE = 64;

/** The id of an event that has none yet. */
export function idOf(token: string, seq: number): string {
  return `${token}:${seq}`;
}

/** See the module. */
export class Reader {
  readonly #api: Api;
  readonly #names: Names;
  readonly #targets: Targets;
  readonly #notes: JetStreamNotes;

  constructor(api: Api, names: Names, targets: Targets, notes: JetStreamNotes) {
    this.#api = api;
    this.#names = names;
    this.#targets = targets;
    this.#notes = notes;
  }

  /**
   * Finds events, in the order in which they were raised. In a stream they are
   * in the order in which they were put there, nearly the same.
   */
  async *find(filter: EventFilter): AsyncGenerator<Found> {
    const { isSetAside } = filter;
    const streams = (await this.#targets.kept(filter.target))
      .filter(({ kind }) => isSetAside !== (kind === "kept"))
      .map((stream) => this.#read(stream));
    for await (const found of merge(streams)) {
      if (matches(found.event, filter)) yield found;
    }
  }

  /** What is kept for each target that has anything. */
  async stats(): Promise<TargetStats[]> {
    const all = new Map<string, TargetStats>();
    await Promise.all(
      (await this.#targets.kept()).map(async ({ kind, target, info }) => {
        const { messages, bytes } = info.state;
        if (messages === 0) return;
        const first = kind === "kept" ? await this.#first(target, info) : {};
        const { name } = target;
        const stats = all.get(name) ??
          { target: name, kept: 0, setAside: 0, bytes: 0, attempts: 0 };
        stats[kind === "kept" ? "kept" : "setAside"] = messages;
        stats.bytes += bytes;
        all.set(name, Object.assign(stats, first));
      }),
    );
    return [...all.values()];
  }

  async #first(
    { name, token }: Target,
    { config, state }: Kept["info"],
  ): Promise<{ oldest?: number; attempts?: number }> {
    const query = { seq: state.first_seq };
    const message = await this.#api.get(config.name, query);
    if (message === undefined) return {}; // it was delivered meanwhile
    const { raisedAt, attempts } = decodeBody(message.data, name);
    const attempt = await this.#notes.attempt(token, message.seq);
    return { oldest: raisedAt, attempts: attempt?.attempts ?? attempts };
  }

  async *#read({ kind, target, info }: Kept): AsyncGenerator<Found> {
    const { config: { name: stream }, state } = info;
    const attempts = kind === "kept" && state.messages > 0
      ? await this.#notes.attempts(target.token)
      : new Map<number, Attempt>();
    for await (const { seq, data } of this.#messages(stream, state.last_seq)) {
      const body = decodeBody(data, target.name);
      const attempt = attempts.get(seq);
      const event = {
        ...body,
        id: body.id ?? idOf(target.token, seq),
        attempts: attempt?.attempts ?? body.attempts,
        lastError: attempt?.lastError ?? body.lastError,
      };
      yield { event, target, stream, seq, attempt };
    }
  }

  /** The messages of a stream up to one, in order. */
  async *#messages(
    stream: string,
    last: number,
  ): AsyncGenerator<StoredMessage> {
    let seq = 1;
    while (seq <= last) {
      // The next one may be far away; those after it are mostly there.
      const next = await this.#api.get(stream, { seq, next_by_subj: ">" });
      if (next === undefined || next.seq > last) return;
      yield next;
      const count = Math.min(PAGE, last - next.seq);
      const page = await Promise.all(
        Array.from(
          { length: count },
          (_, i) => this.#api.get(stream, { seq: next.seq + 1 + i }),
        ),
      );
      yield* page.filter((message) => message !== undefined);
      seq = next.seq + count + 1;
    }
  }
}

/** Merges lists, each of which is in order. */
async function* merge(
  lists: readonly AsyncGenerator<Found>[],
): AsyncGenerator<Found> {
  const first = async (list: AsyncGenerator<Found>) => {
    const { value, done } = await list.next();
    return done ? undefined : { list, found: value as Found };
  };
  let heads = (await Promise.all(lists.map(first)))
    .filter((head) => head !== undefined);
  while (heads.length > 0) {
    const least = heads.reduce((a, b) =>
      b.found.event.raisedAt < a.found.event.raisedAt ? b : a
    );
    yield least.found;
    const next = await first(least.list);
    heads = heads.flatMap((head) => head === least ? next ?? [] : head);
  }
}

function matches(found: KeptEvent, filter: EventFilter): boolean {
  const { ids, target, event, key, raisedBefore } = filter;
  return (ids === undefined || ids.includes(found.id)) &&
    (target === undefined || target === found.target) &&
    (event === undefined || event === found.event) &&
    (key === undefined || key === found.key) &&
    (raisedBefore === undefined || found.raisedAt < raisedBefore);
}
