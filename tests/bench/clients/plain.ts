// Plain Deno: the client that one writes in 60 lines when there is no library,
// line_connection.ts included. It has neither time-outs, limits nor errors.

import { EVENT, main, type Task } from "./client.ts";
import { LineConnection } from "./line_connection.ts";

/** How many events are written at once when it is done by hand. */
const BATCH = 1000;

await main(async (port, mode) => {
  const waiting = new Map<number, (result: unknown) => void>();
  const connection = new LineConnection(
    await Deno.connect({ hostname: "127.0.0.1", port }),
    (line) => {
      const { id, result } = JSON.parse(line);
      waiting.get(id)!(result);
      waiting.delete(id);
    },
  );
  let lastId = 0;
  const message = (id: number | null) =>
    JSON.stringify({
      id,
      jsonrpc: "2.0",
      method: EVENT,
      params: { ip: "192.168.2.11" },
    }) + "\n";

  async function byHand({ count }: Task): Promise<void> {
    while (count > 0) {
      let text = "";
      for (let i = 0; i < BATCH && count > 0; i++, count--) {
        text += message(null);
      }
      await connection.send(text);
    }
  }

  return {
    notification: () => connection.send(message(null)),
    notifications: mode === "notify by hand" ? byHand : undefined,
    request: () =>
      new Promise((resolve) => {
        const id = ++lastId;
        waiting.set(id, resolve);
        connection.send(message(id));
      }),
    close: () => connection.close(),
  };
});
