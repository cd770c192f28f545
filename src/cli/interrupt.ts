/** Ctrl-C, and what a service manager sends. */

/**
 * Calls `stop` at the first interrupt. A second one finds no listener, and ends
 * the process at once.
 */
export function onInterrupt(stop: () => void): void {
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  function listener(): void {
    for (const signal of signals) Deno.removeSignalListener(signal, listener);
    stop();
  }
  for (const signal of signals) Deno.addSignalListener(signal, listener);
}
