/**
 * An event store over the streams of JetStream.
 *
 * @module
 */

import { StoreError } from "./errors.ts";
import { type Api, storeErrorOf, type StreamConfig } from "./jetstream_api.ts";
import { encodeBody } from "./jetstream_body.ts";
import { type Dropped, JetStreamDeliverer } from "./jetstream_deliverer.ts";
import type { Names } from "./jetstream_names.ts";
import { JetStreamNotes } from "./jetstream_notes.ts";
import { type Found, Reader } from "./jetstream_reader.ts";
import { JetStreamRoom } from "./jetstream_room.ts";
import { Targets } from "./jetstream_targets.ts";
import type {
  Appended,
  Deliverer,
  DeliverOptions,
  EventFilter,
  EventStore,
  KeptEvent,
  KeptSubscription,
  NewEvent,
  TargetStats,
} from "./store.ts";

/** What a store is made of. */
export interface JetStreamParts {
  api: Api;
  names: Names;
  bounds: { maxEvents: number; maxBytes: number; rememberKeysMs: number };
  /** What all streams have in common. */
  common: Partial<StreamConfig>;
  ackWaitMs: number;
  onWarning: (message: string) => void;
}

/** See `jetstream()`. */
export class JetStreamStore implements EventStore {
  readonly #parts: JetStreamParts;
  readonly #targets: Targets;
  readonly #notes: JetStreamNotes;
  readonly #reader: Reader;
  readonly #room: JetStreamRoom;
  readonly #status: AsyncIterable<{ readonly type: string }>;
  readonly #underWay = new Set<Promise<unknown>>();
  #deliverer: JetStreamDeliverer | undefined;
  #state: "open" | "delivering" | "closed" = "open";

  constructor(parts: JetStreamParts) {
    const { api, names, bounds, common } = parts;
    this.#parts = parts;
    this.#targets = new Targets(api, names, { ...bounds, common });
    this.#notes = new JetStreamNotes(api, names, common);
    this.#reader = new Reader(api, names, this.#targets, this.#notes);
    this.#room = new JetStreamRoom(this.#targets, bounds);
    this.#status = api.client.connection.status();
    this.#watch();
  }

  append(events: readonly NewEvent[]): Promise<readonly Appended[]> {
    return this.#doing("keep the event", async () => {
      const outcomes = await Promise.allSettled(
        events.map((event) => this.#append(event)),
      );
      const failed = outcomes.find(({ status }) => status === "rejected");
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
      return outcomes.map((outcome) =>
        (outcome as PromiseFulfilledResult<Appended>).value
      );
    });
  }

  async deliver(
    { window, onTarget, onSubscription }: DeliverOptions,
  ): Promise<Deliverer> {
    this.#checkOpen();
    if (this.#state === "delivering") {
      throw new StoreError(
        "busy",
        "Cannot deliver: another outbox of this process delivers from the store",
      );
    }
    this.#state = "delivering";
    const { api, names, ackWaitMs, onWarning } = this.#parts;
    const stopListening = onSubscription && this.#notes.listen(onSubscription);
    const deliverer = this.#deliverer = new JetStreamDeliverer({
      api,
      names,
      notes: this.#notes,
      targets: this.#targets,
      room: this.#room,
      ackWaitMs,
      window,
      onTarget,
      onWarning,
    }, () => {
      stopListening?.();
      if (this.#deliverer === deliverer) this.#deliverer = undefined;
      if (this.#state === "delivering") this.#state = "open";
    });
    try {
      await this.#doing("deliver", () => deliverer.begin());
    } catch (error) {
      await deliverer.close();
      throw error;
    }
    return deliverer;
  }

  async *list(filter: EventFilter = {}): AsyncGenerator<KeptEvent> {
    this.#checkOpen();
    for await (const { event } of this.#reader.find(filter)) {
      yield event;
      this.#checkOpen();
    }
  }

  retry(filter: EventFilter = {}): Promise<number> {
    return this.#doing("retry events", async () => {
      let count = 0;
      for await (const found of this.#reader.find(filter)) {
        if (found.event.refusal === undefined) await this.#hurry(found);
        else if (await this.#retry(found)) count++;
      }
      return count;
    });
  }

  drop(filter: EventFilter = {}): Promise<number> {
    return this.#doing("drop events", async () => {
      let count = 0;
      for await (const found of this.#reader.find(filter)) {
        if (await this.#drop(found)) count++;
      }
      return count;
    });
  }

  stats(): Promise<TargetStats[]> {
    return this.#doing("count events", () => this.#reader.stats());
  }

  subscriptions(): Promise<KeptSubscription[]> {
    return this.#doing(
      "read the subscriptions",
      () => this.#notes.subscriptions(Date.now()),
    );
  }

  subscribe(subscription: KeptSubscription): Promise<void> {
    return this.#doing(
      "keep the subscription",
      () => this.#notes.subscribe(subscription),
    );
  }

  unsubscribe(event: string, socket: string): Promise<void> {
    return this.#doing(
      "remove the subscription",
      () => this.#notes.unsubscribe(event, socket),
    );
  }

  recall(name: string): Promise<string | undefined> {
    return this.#doing(
      "recall a key",
      () => this.#notes.recall(name, Date.now()),
    );
  }

  remember(name: string, text: string, until: number): Promise<void> {
    return this.#doing(
      "remember a key",
      () => this.#notes.remember(name, text, until, Date.now()),
    );
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    // What a client gives can be stopped, though not all of them say so.
    (this.#status as { stop?: () => void }).stop?.();
    await Promise.all([
      this.#deliverer?.close(),
      Promise.allSettled(this.#underWay), // was asked before
    ]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #append(event: NewEvent): Promise<Appended> {
    const { target: name, key, isKeyGiven, raisedAt } = event;
    const target = await this.#targets.get(name);
    const body = encodeBody({ ...event, since: raisedAt, attempts: 0 });
    if (!await this.#room.has(target, body.length)) return "full";
    // One that was drawn too: it is given when the event is raised again.
    const id = `key ${encodeURIComponent(key)}`;
    return await target.sender.send(body, id, isKeyGiven);
  }

  /** Has an event that is set aside delivered again. */
  async #retry({ event, target, stream, seq }: Found): Promise<boolean> {
    const { refusal: _, ...rest } = event;
    const body = encodeBody({ ...rest, since: Date.now() });
    // Who dies between the two does not have it delivered twice.
    const id = `retried ${seq}`;
    const outcome = await target.sender.send(body, id, false);
    if (outcome === "full") return false; // it stays where it is
    this.#room.forget(target);
    return await this.#parts.api.remove(stream, seq);
  }

  /** Has an event that is postponed delivered now. */
  async #hurry({ attempt }: Found): Promise<void> {
    if (attempt !== undefined) {
      await this.#parts.api.request(attempt.reply, "-NAK");
    }
  }

  async #drop(
    { event, target, stream, seq, attempt }: Found,
  ): Promise<boolean> {
    const { api, names } = this.#parts;
    if (event.refusal === undefined) {
      const news: Dropped = { name: target.name, seq };
      api.tell(names.news("dropped"), news);
    }
    const isRemoved = await api.remove(stream, seq);
    this.#room.forget(target);
    if (attempt !== undefined) {
      // Else it would hold up the others until it is due.
      await api.request(attempt.reply, "+TERM");
      await this.#notes.forget(target.token, seq);
    }
    return isRemoved;
  }

  async #doing<T>(what: string, act: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const acting = act();
    this.#underWay.add(acting);
    try {
      return await acting;
    } catch (error) {
      throw storeErrorOf(error, what);
    } finally {
      this.#underWay.delete(acting);
    }
  }

  #checkOpen(): void {
    if (this.#state !== "closed") return;
    throw new StoreError("closed", "Cannot use the store: it is closed");
  }

  /** Does again what a lost connection took away. */
  async #watch(): Promise<void> {
    for await (const { type } of this.#status) {
      if (this.#state === "closed") return;
      if (type === "disconnect") {
        for (const { sender } of this.#targets.all) sender.stop();
      } else if (type === "reconnect") {
        this.#parts.api.resume();
        for (const { sender } of this.#targets.all) sender.resume();
        this.#deliverer?.again();
      }
    }
  }
}
