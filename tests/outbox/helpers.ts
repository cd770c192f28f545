/** What the tests of the outbox have in common. */

import { serveEvents } from "../../mod.ts";
import type { NewEvent } from "../../src/outbox/mod.ts";

export const TARGET = "jsonrpc:127.0.0.1:5061";

/** An event that is the same for the same number. */
export function newEvent(n: number, changes: Partial<NewEvent> = {}): NewEvent {
  return {
    target: TARGET,
    event: "E_X",
    params: `{"n":${n}}`,
    key: `key-${n}`,
    isKeyGiven: false,
    raisedAt: 1_700_000_000_000 + n,
    ...changes,
  };
}

/** A folder that is removed at the end of a scope. */
export class Folder implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "outbox-" });

  /** The path of a file in it. */
  file(name = "events.db"): string {
    return `${this.path}/${name}`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A server that notes what it got, and does what `act` says. */
export function noting(
  act: (n: number, params: Record<string, unknown>) => unknown = () => true,
  port = 0,
) {
  const seen: Record<string, unknown>[] = [];
  const server = serveEvents({ port, onError: () => {} }, ({ params }) => {
    const named = params as Record<string, unknown>;
    seen.push(named);
    return act(seen.length, named);
  });
  return {
    seen,
    socket: server.socket,
    port: server.addr.port,
    /** The param `n` of what came. */
    numbers: () => seen.map(({ n }) => n),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Resolves when there have been so many events of this type. */
export function times(
  count: number,
  target: EventTarget,
  type: string,
): Promise<void> {
  return new Promise((resolve) =>
    target.addEventListener(type, () => {
      if (--count === 0) resolve();
    })
  );
}

/** Resolves to the detail of the next event of this type. */
export function next<T>(
  target: EventTarget,
  type: string,
): Promise<T> {
  return new Promise((resolve) =>
    target.addEventListener(
      type,
      (event) => resolve((event as CustomEvent<T>).detail),
      { once: true },
    )
  );
}
