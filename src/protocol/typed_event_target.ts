/**
 * An `EventTarget` whose events are known by their types.
 *
 * @module
 */

/** Handles an event of the type `E`. */
export type TypedListener<E> =
  | ((event: E) => void)
  | { handleEvent(event: E): void };

/**
 * An `EventTarget` of which `Events` maps each event's type to its class: then
 * listeners that are added and removed get the right event.
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
