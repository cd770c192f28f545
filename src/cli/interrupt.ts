/** Ctrl-C, and what a service manager sends. */

/** Exit codes of a process that was interrupted, by signal: 128 and its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Calls `stop` at the first interrupt, with the exit code if something is left to
 * do. A second interrupt finds no listener and ends the process at once.
 */
export function onInterrupt(stop: (code: number) => void): void {
  const signals = Deno.build.os === "windows"
    ? ["SIGINT"] as const
    : ["SIGINT", "SIGTERM"] as const;
  const listeners = signals.map((signal) => ({
    signal,
    listener() {
      for (const { signal, listener } of listeners) {
        Deno.removeSignalListener(signal, listener);
      }
      stop(EXIT_CODES[signal]);
    },
  }));
  for (const { signal, listener } of listeners) {
    Deno.addSignalListener(signal, listener);
  }
}

/** How long an interrupted service may take to end, in milliseconds. */
const GRACE_MS = 1300;

/**
 * Calls `stop` at the first interrupt. Resolves some time later, to the exit code
 * if something is left to do: then the process must not wait any longer.
 */
export function interruption(stop: () => void): Promise<number> {
  return new Promise((resolve) => {
    onInterrupt((code) => {
      setTimeout(() => resolve(code), GRACE_MS);
      stop();
    });
  });
}

/** Waits for `done`, but no longer than `ms` milliseconds. */
export async function within(
  ms: number,
  done: Promise<unknown>,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([done, promise]);
  clearTimeout(timer);
}
