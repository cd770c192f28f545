// Everything is sent at once to a server that dies; what does the client hear?

import type { ClientResult } from "../processes.ts";
import type { Session, Task } from "./client.ts";

/** How long promises may take to settle after the server has died. */
const SETTLE_MS = 3000;

export async function fault(
  session: Session,
  { mode, count }: Task,
): Promise<Partial<ClientResult>> {
  // What nobody handles must not end this process before the count.
  globalThis.addEventListener("unhandledrejection", (e) => e.preventDefault());
  globalThis.addEventListener("error", (e) => e.preventDefault());
  const send = mode === "fault request"
    ? (i: number) => session.request!(i)
    : (i: number) => session.notification!(i);
  let resolved = 0, rejected = 0;
  for (let i = 0; i < count; i++) {
    try {
      Promise.resolve(send(i)).then(() => resolved++, () => rejected++);
    } catch {
      rejected++;
    }
  }
  const start = performance.now();
  while (
    resolved + rejected < count && performance.now() - start < SETTLE_MS
  ) await new Promise((resolve) => setTimeout(resolve, 20));
  return { resolved, rejected, pending: count - resolved - rejected };
}
