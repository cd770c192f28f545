/**
 * Published events and their subscriptions.
 *
 * @module
 */

import { checkEvent } from "../protocol/message.ts";
import { type EventParam, eventParamOf } from "../protocol/params.ts";
import type { Target } from "../protocol/virtual_socket.ts";
import type { Waiting } from "../transport/deadline_queue.ts";
import type { Audience, Recipient } from "./broadcast.ts";
import type { Expiring, Expiry } from "./expiry.ts";
import type { Route, Routes } from "./route.ts";

/** A published event. */
export interface PublishedEvent {
  /** Its name. */
  name: string;
  /**
   * Its number, counted from 0 in the order of publication. It does not change,
   * and is not given to another event.
   */
  id: number;
}

/** A subscriber of an event. */
export interface Subscriber {
  /** The event's name. */
  event: string;
  /** Its socket, which may be a virtual one. */
  socket: string;
  /** The seconds that it subscribed for; `undefined`: for ever. */
  expire: number | undefined;
  /** When it expires, in milliseconds since the epoch; absent: never. */
  expiresAt?: number;
}

/** A published event, and its subscriptions. */
export interface Topic {
  readonly event: string;
  readonly id: number;
  readonly eventParam: EventParam | undefined;
  /** By socket, the oldest first. */
  readonly subscriptions: Map<string, Subscription>;
  /** Its present subscribers, once they are asked for. */
  audience: Audience | undefined;
}

/** Options of {@linkcode Subscription}. */
export interface SubscriptionOptions {
  readonly route: Route;
  readonly recipient: Recipient;
  /** For how many seconds; `undefined`: for ever. */
  readonly expire: number | undefined;
  readonly onEnd: (subscription: Subscription) => void;
}

/** A socket that is subscribed to an event. */
export class Subscription implements Expiring {
  queue: Waiting["queue"];
  previous: Waiting | undefined;
  next: Waiting | undefined;
  readonly timeoutMs: number;
  readonly deadline: number;
  readonly event: string;
  readonly route: Route;
  readonly recipient: Recipient;
  readonly #expire: number | undefined;
  readonly #expiresAt: number;
  readonly #onEnd: (subscription: Subscription) => void;

  constructor(
    event: string,
    { route, recipient, expire, onEnd }: SubscriptionOptions,
  ) {
    this.event = event;
    this.route = route;
    this.recipient = recipient;
    this.#expire = expire;
    this.#onEnd = onEnd;
    this.timeoutMs = (expire ?? 0) * 1000;
    this.deadline = performance.now() + this.timeoutMs;
    this.#expiresAt = Date.now() + this.timeoutMs;
  }

  get socket(): string {
    return this.route.target.socket;
  }

  /** Ends it. */
  end(): void {
    this.#onEnd(this);
  }

  /** Describes it to the caller. */
  toSubscriber(): Subscriber {
    const { event, socket } = this;
    const expire = this.#expire;
    const expiresAt = Math.round(this.#expiresAt);
    return expire === undefined
      ? { event, socket, expire }
      : { event, socket, expire, expiresAt };
  }
}

/** Options of {@linkcode Subscriptions}. */
export interface SubscriptionsOptions {
  readonly routes: Routes;
  readonly expiry: Expiry;
  /** The name of the event param of all events, if there is one. */
  readonly eventParam: string | undefined;
  /** Makes the audience of an event; reports are in the order given. */
  readonly audienceOf: (
    event: string,
    recipients: readonly Recipient[],
  ) => Audience;
}

/** Options of {@linkcode Subscriptions.add}, checked and with their defaults. */
export interface AddOptions {
  /** For how many seconds; `undefined`: for ever. */
  readonly expire: number | undefined;
  readonly syncMode: boolean;
  readonly timeoutMs: number | undefined;
}

/** Published events, in the order of publication, and their subscriptions. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #topics: Map<string, Topic> = new Map();
  #nextId = 0;

  /** Constructs it without events. */
  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** The topic of an event, if it is published. */
  get(event: string): Topic | undefined {
    return this.#topics.get(event);
  }

  /** Publishes an event, unless it is published. */
  publish(event: string): Topic {
    checkEvent(event);
    let topic = this.#topics.get(event);
    if (topic === undefined) {
      topic = {
        event,
        id: this.#nextId++,
        eventParam: eventParamOf(event, this.#options.eventParam),
        subscriptions: new Map(),
        audience: undefined,
      };
      this.#topics.set(event, topic);
    }
    return topic;
  }

  /** Takes an event back; returns whether it was published. */
  unpublish(event: string): boolean {
    const topic = this.#topics.get(event);
    if (topic === undefined) return false;
    for (const subscription of newestFirst(topic)) subscription.end();
    return this.#topics.delete(event);
  }

  /** The published events. */
  events(): PublishedEvent[] {
    return Array.from(
      this.#topics.values(),
      ({ event, id }) => ({ name: event, id }),
    );
  }

  /** The subscribers of an event, or of all, the newest of each event first. */
  subscribers(event: string | undefined): Subscriber[] {
    const topics = event === undefined
      ? [...this.#topics.values()]
      : [this.#topics.get(event)];
    return topics.flatMap((topic) =>
      newestFirst(topic).map((subscription) => subscription.toSubscriber())
    );
  }

  /** The subscription of a target to an event, if there is one. */
  find(event: string, { socket }: Target): Subscription | undefined {
    return this.#topics.get(event)?.subscriptions.get(socket);
  }

  /** Subscribes a target to an event; returns whether it was not subscribed. */
  add(event: string, target: Target, options: AddOptions): boolean {
    const { routes, expiry } = this.#options;
    const { expire, syncMode, timeoutMs } = options;
    const topic = this.publish(event);
    const old = topic.subscriptions.get(target.socket);
    // The new one first: a connection that both use is not closed between.
    const route = routes.acquire(target, syncMode);
    const recipient = routes.recipient(route, event, { timeoutMs });
    const subscription = new Subscription(event, {
      route,
      recipient,
      expire,
      onEnd: (subscription) => this.#end(topic, subscription),
    });
    old?.end();
    topic.subscriptions.set(target.socket, subscription);
    topic.audience = undefined;
    if (expire !== undefined) expiry.add(subscription);
    return old === undefined;
  }

  /** The present subscribers of an event. */
  audience(topic: Topic): Audience {
    return topic.audience ??= this.#options.audienceOf(
      topic.event,
      newestFirst(topic).map(({ recipient }) => recipient),
    );
  }

  /** Ends all subscriptions. */
  endAll(): void {
    for (const topic of this.#topics.values()) {
      for (const subscription of newestFirst(topic)) subscription.end();
    }
  }

  #end(topic: Topic, subscription: Subscription): void {
    const { routes, expiry } = this.#options;
    topic.subscriptions.delete(subscription.socket);
    topic.audience = undefined;
    expiry.delete(subscription);
    routes.release(subscription.route);
  }
}

function newestFirst(topic: Topic | undefined): Subscription[] {
  return topic === undefined ? [] : [...topic.subscriptions.values()].reverse();
}
