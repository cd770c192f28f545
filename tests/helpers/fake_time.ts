/** Time that passes only when a test says so. */

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  now: performance.now,
};

/**
 * Replaces `setTimeout`, `clearTimeout` and `performance.now` until it is
 * disposed. What else happens, such as traffic on real sockets, goes on.
 */
export class FakeTime implements Disposable {
  #now = 1000.25; // never a whole number, as in reality
  #nextId = 1;
  readonly #timers = new Map<number, { at: number; run: () => void }>();

  constructor() {
    globalThis.setTimeout = ((run: () => void, ms = 0) => {
      const id = this.#nextId++;
      this.#timers.set(id, { at: this.#now + Math.max(ms, 0), run });
      return id;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((id?: number) => {
      this.#timers.delete(id!);
    }) as unknown as typeof clearTimeout;
    performance.now = () => this.#now;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
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
    performance.now = real.now;
  }
}

/** Lets all run that is ready to run, without any time passing. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await new Promise<void>((resolve) => real.setTimeout(resolve, 0));
  }
}
