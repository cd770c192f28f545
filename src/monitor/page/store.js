// The events of the page: all that are kept, those that the filter lets through,
// and those that wait while the page is paused.

import { Deque } from "./deque.js";
import { matcherOf } from "./filter.js";

const MAX_EVENTS = 100_000;

export class EventStore {
  /** How many events are kept; then the oldest go. */
  maxEvents = MAX_EVENTS;
  all = new Deque();
  /** Those that the filter lets through; `all` itself without one. */
  visible = this.all;
  /** Those that came while the page was paused; `undefined`: it is not. */
  waiting;
  /** How many events came too fast to be shown. */
  missed = 0;
  /** How many events of each method there are. */
  counts = new Map();
  #query = "";
  #matches;

  get isPaused() {
    return this.waiting !== undefined;
  }

  /** Forgets all events; the filter and the pause stay. */
  reset() {
    this.all = new Deque();
    if (this.isPaused) this.waiting = new Deque();
    this.counts.clear();
    this.missed = 0;
    this.filter(this.#query);
  }

  /** Takes events; returns how many of those that were visible have gone. */
  take(events) {
    if (this.isPaused) {
      for (const event of events) this.waiting.push(event);
      while (this.waiting.length > this.maxEvents) this.waiting.shift();
      return 0;
    }
    for (const event of events) this.#add(event);
    let gone = 0;
    while (this.all.length > this.maxEvents) gone += this.#dropOldest();
    return gone;
  }

  /**
   * Takes a response that came after its event. Returns the event, if it is kept;
   * it may be visible only now, as by `is:error`.
   */
  respond([seq, response, isError, ms]) {
    for (
      const events of this.isPaused ? [this.all, this.waiting] : [this.all]
    ) {
      const event = events.at(events.indexOf(seq));
      if (event?.seq !== seq) continue;
      Object.assign(event, { response, isError, ms });
      const isHidden = this.visible.at(this.visible.indexOf(seq)) !== event;
      if (isHidden && events === this.all && this.#matches(event)) {
        this.filter(this.#query);
      }
      return event;
    }
  }

  /** Sets the filter; the empty query lets all through. */
  filter(query) {
    this.#query = query;
    this.#matches = matcherOf(query);
    if (this.#matches === undefined) this.visible = this.all;
    else {
      this.visible = new Deque();
      for (const event of this.all) {
        if (this.#matches(event)) this.visible.push(event);
      }
    }
  }

  pause() {
    this.waiting ??= new Deque();
  }

  /** Takes what came meanwhile; returns what `take` does. */
  resume() {
    const events = this.waiting ?? [];
    this.waiting = undefined;
    return this.take(events);
  }

  /** The event of this number, if it is kept. */
  event(seq) {
    const event = this.all.at(this.all.indexOf(seq));
    return event?.seq === seq ? event : undefined;
  }

  #add(event) {
    this.all.push(event);
    const { method } = event;
    if (method !== null) {
      this.counts.set(method, (this.counts.get(method) ?? 0) + 1);
    }
    if (this.#matches?.(event)) this.visible.push(event);
  }

  #dropOldest() {
    const wasVisible = this.visible.at(0) === this.all.at(0);
    if (wasVisible && this.visible !== this.all) this.visible.shift();
    const { method } = this.all.shift();
    const left = (this.counts.get(method) ?? 1) - 1;
    if (left > 0) this.counts.set(method, left);
    else this.counts.delete(method);
    return wasVisible ? 1 : 0;
  }
}
