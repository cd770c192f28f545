/** What the tests of the client have in common. */

import { EventClient, type EventClientOptions } from "../../mod.ts";
import { gate, type Script, send, serve } from "./tcp.ts";

/** Long enough never to be over in a test that is not about time. */
export const PATIENT = { timeoutMs: 60_000 };
export const SYNC = { ...PATIENT, syncMode: true };

/** What a test has reported by `addEventListener`. */
export function reports(client: EventClient) {
  const unmatched: string[] = [];
  const disconnects: (string | undefined)[] = [];
  client.addEventListener("unmatched", ({ detail }) => {
    unmatched.push(detail.reason);
  });
  client.addEventListener("disconnect", ({ detail }) => {
    disconnects.push(detail.error?.message);
  });
  return { unmatched, disconnects };
}

/** Resolves when `client` dispatches such an event. */
export function once(
  client: EventClient,
  type: "connect" | "disconnect" | "unmatched",
): Promise<void> {
  return new Promise((resolve) =>
    client.addEventListener(type, () => resolve(), { once: true })
  );
}

/** Answers every request with its params. */
export const echo: Script = async (conn, reader) => {
  for (let text; (text = await reader.next()) !== undefined;) {
    const { id, params } = JSON.parse(text);
    await send(conn, JSON.stringify({ jsonrpc: "2.0", result: params, id }));
  }
};

/** Raises `count` events at once; `reply` makes of their ids what comes back. */
export async function converse(
  count: number,
  reply: (ids: number[]) => string | Uint8Array[],
  options: EventClientOptions = SYNC,
) {
  await using server = serve(async (conn, reader) => {
    const ids: number[] = [];
    while (ids.length < count) ids.push((await reader.message()).id);
    const bytes = reply(ids);
    if (typeof bytes === "string") await send(conn, bytes);
    else for (const piece of bytes) await conn.write(piece);
    await reader.next();
  });
  await using client = new EventClient(server.socket, options);
  const seen = reports(client);
  const results = await Promise.allSettled(
    Array.from({ length: count }, (_, n) => client.raise("E_X", [n])),
  );
  const { stats } = client;
  return {
    values: results.map((r) => r.status === "fulfilled" ? r.value : r.reason),
    stats,
    ...seen,
  };
}

export const resultTo = (id: unknown, result: unknown = "ok") =>
  JSON.stringify({ jsonrpc: "2.0", id, result });

/** A server that reads when it is told to; `methods` are those of all it got. */
export function held() {
  const reading = gate();
  const received = Promise.withResolvers<string[]>();
  const server = serve(async (_, reader) => {
    await reading.opened;
    received.resolve(await reader.all());
  });
  return Object.assign(server, {
    read: reading.open,
    methods: async (): Promise<string[]> =>
      (await received.promise).map((text) => JSON.parse(text).method),
  });
}
