/**
 * Delivers from JetStream, beside others who do.
 *
 * @module
 */

import { Place, type PlaceParts } from "./jetstream_place.ts";
import type { Deliverer, KeptEvent, Refusal } from "./store.ts";

/** How often to look for new targets, in case that their news was lost. */
const LOOK_MS = 2000;

/** Told of an event that is dropped. */
export interface Dropped {
  /** The target. */
  name: string;
  seq: number;
}

/** A {@linkcode Deliverer} of all targets that have a stream. */
export class JetStreamDeliverer implements Deliverer {
  readonly #parts: PlaceParts;
  readonly #onClose: () => void;
  readonly #places = new Map<string, Promise<Place>>();
  readonly #streams = new Set<string>();
  readonly #stopListening: (() => void)[];
  readonly #timers: ReturnType<typeof setInterval>[];
  #closing: Promise<void> | undefined;

  /** Constructs one; `onClose` is called once. */
  constructor(parts: PlaceParts, onClose: () => void) {
    const { api, names, ackWaitMs } = parts;
    this.#parts = parts;
    this.#onClose = onClose;
    this.#stopListening = [
      api.listen<{ name: string }>(names.news("target"), ({ name }) => {
        this.#placeOf(name);
      }),
      api.listen<Dropped>(names.news("dropped"), async ({ name, seq }) => {
        (await this.#places.get(name))?.dropped(seq);
      }),
    ];
    this.#timers = [
      setInterval(() => this.#look().catch(() => {}), LOOK_MS),
      setInterval(() => this.#renew(), ackWaitMs / 3),
    ];
  }

  /** Begins with the targets that are there. */
  begin(): Promise<void> {
    return this.#look();
  }

  async take(
    target: string,
    max: number,
    signal: AbortSignal,
  ): Promise<readonly KeptEvent[]> {
    if (this.#closing !== undefined) return [];
    return await (await this.#placeOf(target)).take(max, signal);
  }

  async done(event: KeptEvent): Promise<void> {
    await (await this.#placeOf(event.target)).done(event);
  }

  async setAside(event: KeptEvent, refusal: Refusal): Promise<void> {
    await (await this.#placeOf(event.target)).setAside(event, refusal);
  }

  async postpone(
    event: KeptEvent,
    delayMs: number,
    error: string,
  ): Promise<void> {
    await (await this.#placeOf(event.target)).postpone(event, delayMs, error);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The connection was lost, and is there again. */
  again(): void {
    this.#forEach((place) => place.again());
    this.#look().catch(() => {});
  }

  #placeOf(target: string): Promise<Place> {
    let place = this.#places.get(target);
    if (place === undefined) {
      this.#places.set(target, place = this.#make(target));
    }
    return place;
  }

  async #make(name: string): Promise<Place> {
    const { names, targets } = this.#parts;
    const target = await targets.get(name);
    this.#streams.add(names.stream("kept", target.token));
    const place = new Place(target, this.#parts);
    if (this.#closing !== undefined) await place.close();
    return place;
  }

  async #look(): Promise<void> {
    const names = await this.#parts.targets.names((stream) =>
      this.#streams.has(stream)
    );
    if (this.#closing !== undefined) return;
    for (const name of names) this.#placeOf(name);
  }

  #renew(): void {
    const now = performance.now();
    this.#forEach((place) => place.renew(now));
  }

  async #forEach(act: (place: Place) => unknown): Promise<void> {
    for (const place of this.#places.values()) act(await place);
  }

  async #close(): Promise<void> {
    for (const stop of this.#stopListening) stop();
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(
      Array.from(this.#places.values(), async (place) => (await place).close()),
    );
    this.#onClose();
  }
}
