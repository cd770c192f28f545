/**
 * An `EventTarget` with typed events.
 *
 * @module
 */

/** A listener for events of class `E`. */
export type TypedListener<E> =
  | ((event: E) => void)
  | { handleEvent(event: E): void };

/**
 * An `EventTarget` whose listeners are typed. `Events` maps the type of each event
 * to its class.
 */
export class TypedEventTarget<Events extends Record<keyof Events, Event>>
  extends EventTarget {
  /** Adds a listener; see {@linkcode EventTarget.addEventListener}. */
  override addEventListener<K extends keyof Events & string>(
    type: K,
    listener: TypedListener<Events[K]> | EventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener | null, options);
  }

  /** Removes a listener; see {@linkcode EventTarget.removeEventListener}. */
  override removeEventListener<K extends keyof Events & string>(
    type: K,
    listener: TypedListener<Events[K]> | EventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener as EventListener | null, options);
  }
}
