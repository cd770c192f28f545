/**
 * Delivers the events of one target from JetStream.
 *
 * @module
 */

import { StoreError } from "./errors.ts";
import { type Api, nanos, pause, storeErrorOf } from "./jetstream_api.ts";
import { decodeBody, encodeBody } from "./jetstream_body.ts";
import { CONSUMER, type Names, readReply } from "./jetstream_names.ts";
import type { JetStreamNotes } from "./jetstream_notes.ts";
import { Pull } from "./jetstream_pull.ts";
import { idOf } from "./jetstream_reader.ts";
import { Repair } from "./jetstream_repair.ts";
import type { JetStreamRoom } from "./jetstream_room.ts";
import type { Target, Targets } from "./jetstream_targets.ts";
import type { NatsMessage } from "./nats.ts";
import type { KeptEvent, Refusal } from "./store.ts";

/** What all places of a deliverer share. */
export interface PlaceParts {
  api: Api;
  names: Names;
  notes: JetStreamNotes;
  targets: Targets;
  room: JetStreamRoom;
  ackWaitMs: number;
  window: number;
  onTarget(target: string): void;
  onWarning(message: string): void;
}

/** An event that this process has, and nobody else. */
interface Held extends KeptEvent {
  readonly seq: number;
  /** Where to acknowledge it. */
  reply: string;
}

/** How long the first and the last wait is until somebody looks again. */
const LOOK_MS = 100, MAX_LOOK_MS = 2000;
/** How long to wait until something is tried again. */
const PAUSE_MS = 100;
/** How often to try; each time may take as long as a request may. */
const TRIES = 10;

/**
 * The events of one target that this process has:
 *
 *     at the server -> ready (it came) -> in hand (taken) -> gone
 *                                         in hand -> at the server (postponed)
 *
 * While it is here, the server hears so: after `ackWaitMs` without a word it
 * gives the event to somebody else.
 */
export class Place {
  readonly #parts: PlaceParts;
  readonly #target: Target;
  readonly #stream: string;
  readonly #repair: Repair;
  readonly #pull: Pull;
  /** By their numbers: those that are ready, and those in hand. */
  readonly #held = new Map<number, Held>();
  #ready: Held[] = [];
  /** Whether somebody takes, or was told to. */
  #isTold = false;
  #isClosed = false;
  /** Since when nothing has come. */
  #quietSince = performance.now();
  #wake: () => void = () => {};

  constructor(target: Target, parts: PlaceParts) {
    const { api, names, targets, ackWaitMs, window, onWarning } = parts;
    this.#parts = parts;
    this.#target = target;
    const stream = this.#stream = names.stream("kept", target.token);
    this.#repair = new Repair(api, stream);
    this.#pull = new Pull(api, {
      stream,
      consumer: CONSUMER,
      window,
      prepare: async () => {
        // Whoever raises sees to its bounds.
        if (await api.info(stream) === undefined) {
          await targets.setUp("kept", target);
        }
        await api.ask(`CONSUMER.DURABLE.CREATE.${stream}.${CONSUMER}`, {
          stream_name: stream,
          config: {
            durable_name: CONSUMER,
            ack_policy: "explicit",
            ack_wait: nanos(ackWaitMs),
            max_ack_pending: window,
            max_deliver: -1,
          },
        });
        await this.#repair.tidy();
      },
      onMessage: (message) => this.#receive(message),
      onFailure: (error) => {
        const what = `deliver to ${target.name}, and tries again`;
        onWarning(storeErrorOf(error, what).message);
      },
    });
  }

  /** See `Deliverer`. */
  async take(max: number, signal: AbortSignal): Promise<readonly KeptEvent[]> {
    let lookMs = LOOK_MS;
    for (;;) {
      if (this.#isClosed || signal.aborted) return [];
      if (this.#ready.length > 0) return this.#ready.splice(0, max);
      if (this.#held.size === 0 && await this.#isEmpty()) {
        if (this.#ready.length > 0) continue; // one has come meanwhile
        this.#isTold = false;
        return [];
      }
      if (this.#ready.length > 0) continue;
      await this.#wait(lookMs, signal);
      lookMs = Math.min(2 * lookMs, MAX_LOOK_MS);
    }
  }

  /** See `Deliverer`. */
  async done(event: KeptEvent): Promise<void> {
    const held = this.#heldOf(event);
    this.#pull.more(); // the next one comes as soon as this one is gone
    await this.#ending(held, () => this.#acknowledge(held, "+ACK"));
    if (held.attempts > 0) this.#forget(held);
  }

  /** See `Deliverer`. */
  async setAside(event: KeptEvent, refusal: Refusal): Promise<void> {
    const held = this.#heldOf(event);
    const { seq, reply: _, ...rest } = held;
    await this.#ending(held, async () => {
      await this.#putAside(seq, {
        ...rest,
        attempts: held.attempts + 1,
        lastError: refusal.message,
        refusal,
      });
      await this.#acknowledge(held, "+ACK");
    });
    if (held.attempts > 0) this.#forget(held);
    this.#parts.room.forget(this.#target);
  }

  /** See `Deliverer`. */
  async postpone(
    event: KeptEvent,
    delayMs: number,
    lastError: string,
  ): Promise<void> {
    const held = this.#heldOf(event);
    const { api, notes } = this.#parts;
    const { seq, reply } = held;
    const attempts = held.attempts + 1;
    const { token } = this.#target;
    await this.#ending(held, async () => {
      await this.#retrying(() =>
        notes.addAttempt(token, seq, { attempts, lastError, reply })
      );
      // What was dropped meanwhile would hold up the others for so long.
      const found = await this.#retrying(() => api.get(this.#stream, { seq }));
      const delay = JSON.stringify({ delay: nanos(delayMs) });
      const isGone = found === undefined;
      await this.#acknowledge(held, isGone ? "+ACK" : `-NAK ${delay}`);
      if (isGone) this.#forget(held);
    });
  }

  /** An event is dropped: it is not given any more, unless it is in hand. */
  dropped(seq: number): void {
    const index = this.#ready.findIndex((event) => event.seq === seq);
    if (index === -1) return;
    const [event] = this.#ready.splice(index, 1);
    this.done(event!).catch(() => {}); // it is gone
  }

  /** Tells the server that what is here is in good hands. */
  renew(now: number): void {
    if (this.#held.size === 0) {
      this.#pull.more();
      if (now - this.#quietSince > 2 * this.#parts.ackWaitMs) {
        this.#quietSince = now;
        this.#repair.free().catch(() => {}); // the next time
      }
    } else this.#quietSince = now;
    this.#pull.check(now);
    for (const { reply } of this.#held.values()) {
      this.#parts.api.publish(reply, "+WPI");
    }
  }

  /** The connection was lost, and is there again. */
  again(): void {
    this.#pull.again();
    this.#repair.tidy().catch(() => {}); // whoever waits tries again
  }

  /** Gives all back that is here. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pull.close();
    this.#wake();
    const held = [...this.#held.values()];
    this.#held.clear();
    this.#ready = [];
    await Promise.allSettled(
      held.map(({ reply }) => this.#parts.api.request(reply, "-NAK")),
    );
  }

  async #receive({ reply = "", data }: NatsMessage): Promise<void> {
    const { seq, count } = readReply(reply);
    const held = this.#held.get(seq);
    if (held !== undefined) { // the server has not heard of it for too long
      held.reply = reply;
      return;
    }
    const { name, token } = this.#target;
    const body = decodeBody(data, name);
    const event: Held = {
      ...body,
      id: body.id ?? idOf(token, seq),
      seq,
      reply,
    };
    this.#held.set(seq, event);
    const complete = count === 1 ? event : await this.#withAttempt(event);
    if (this.#held.get(seq) !== event) return; // closed meanwhile
    this.#held.set(seq, complete);
    if (body.refusal === undefined) this.#give(complete);
    else await this.#refuse(complete, body.refusal);
  }

  async #withAttempt(event: Held): Promise<Held> {
    const { token } = this.#target;
    const attempt = await this.#retrying(() =>
      this.#parts.notes.attempt(token, event.seq)
    ).catch(() => undefined); // then it counts anew
    if (attempt === undefined) return event;
    const { attempts, lastError } = attempt;
    return { ...event, attempts, lastError, reply: event.reply };
  }

  #give(event: Held): void {
    this.#ready.push(event);
    this.#wake();
    if (this.#isTold) return;
    this.#isTold = true;
    this.#parts.onTarget(this.#target.name);
  }

  async #refuse(event: Held, refusal: Refusal): Promise<void> {
    try {
      await this.setAside(event, refusal);
    } catch { /* it comes again */ }
  }

  /** Puts an event into the stream of those that are set aside. */
  async #putAside(seq: number, event: KeptEvent): Promise<void> {
    const { api, names, targets } = this.#parts;
    await this.#retrying(async () => {
      await targets.setUp("aside", this.#target);
      const subject = names.subject("aside", this.#target.token);
      // A deliverer that dies now does not put it there twice.
      await api.store(subject, encodeBody(event), String(seq));
    });
  }

  #heldOf(event: KeptEvent): Held {
    const held = this.#held.get((event as Held).seq);
    if (held !== undefined) return held;
    throw new StoreError(
      this.#isClosed ? "closed" : "failed",
      `Cannot note what became of event ${event.id}: ${
        this.#isClosed ? "the store is closed" : "it is not out"
      }`,
    );
  }

  async #acknowledge({ seq }: Held, word: string): Promise<void> {
    await this.#retrying(async () => {
      const held = this.#held.get(seq);
      if (held !== undefined) await this.#parts.api.request(held.reply, word);
    });
  }

  /** Does the last thing to an event; if it fails, the event comes again. */
  async #ending({ seq }: Held, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } finally {
      this.#held.delete(seq);
      this.#pull.more();
      this.#wake();
    }
  }

  #forget({ seq }: Held): void {
    // If it fails, a note stays of an event that is gone.
    this.#parts.notes.forget(this.#target.token, seq).catch(() => {});
  }

  async #isEmpty(): Promise<boolean> {
    try {
      return await this.#repair.tidy() === 0;
    } catch {
      return false; // nobody knows
    }
  }

  /** Tries again, while the server starts anew. */
  async #retrying<T>(act: () => Promise<T>): Promise<T> {
    for (let tries = 1;; tries++) {
      try {
        return await act();
      } catch (error) {
        if (this.#isClosed || tries === TRIES) {
          throw storeErrorOf(error, "note what became of an event");
        }
      }
      await pause(PAUSE_MS);
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#wake = end;
      signal.addEventListener("abort", end);
    });
  }
}
