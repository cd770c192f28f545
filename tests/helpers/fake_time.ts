/** Time that passes only when a test says so. */

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  timeout: AbortSignal.timeout,
  now: performance.now,
};

/**
 * Replaces `setTimeout`, `clearTimeout`, `AbortSignal.timeout` and
 * `performance.now` until it is disposed. What else happens, such as traffic on
 * real sockets, goes on.
 */
export class FakeTime implements Disposable {
  #now = 1000.25; // never a whole number, as in reality
  #nextId = 1;
  readonly #timers = new Map<number, Timer>();

  constructor() {
    globalThis.setTimeout = ((run: () => void, ms = 0) => {
      const id = this.#nextId++;
      this.#timers.set(id, { at: this.#now + Math.max(ms, 0), run });
      return id;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((id?: number) => {
      this.#timers.delete(id!);
    }) as unknown as typeof clearTimeout;
    AbortSignal.timeout = (ms) => {
      const id = this.#nextId++;
      const controller = new AbortController();
      const { signal } = controller;
      const timer: Timer = {
        at: this.#now + ms,
        run: () => controller.abort(),
        listeners: new Set(),
      };
      this.#timers.set(id, timer);
      return Object.assign(signal, {
        addEventListener(type: string, listener: EventListener) {
          timer.listeners!.add(listener);
          EventTarget.prototype.addEventListener.call(signal, type, listener);
        },
        removeEventListener(type: string, listener: EventListener) {
          timer.listeners!.delete(listener);
          EventTarget.prototype.removeEventListener
            .call(signal, type, listener);
        },
      });
    };
    performance.now = () => this.#now;
  }

  /** How many timers are set, and signals waited for. */
  get timers(): number {
    return this.#timers.values()
      .filter(({ listeners }) => listeners === undefined || listeners.size > 0)
      .toArray().length;
  }

  /** Lets time pass, and what is due run, in order. */
  async tick(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers]
        .filter(([, { at }]) => at <= end)
        .sort(([, a], [, b]) => a.at - b.at);
      if (due.length === 0) break;
      const [id, { at, run }] = due[0];
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, at);
      run();
    }
    this.#now = end;
    await settled();
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = real.setTimeout;
    globalThis.clearTimeout = real.clearTimeout;
    AbortSignal.timeout = real.timeout;
    performance.now = real.now;
  }
}

interface Timer {
  at: number;
  run: () => void;
  /** Of a signal. */
  listeners?: Set<EventListener>;
}

/** Lets all run that is ready to run, without any time passing. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await new Promise<void>((resolve) => real.setTimeout(resolve, 0));
  }
}
