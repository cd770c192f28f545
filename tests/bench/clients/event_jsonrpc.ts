// This project's client.

import { EventClient } from "../../../mod.ts";
import { EVENT, main } from "./client.ts";

await main((port, mode) => {
  const client = new EventClient(`jsonrpc:127.0.0.1:${port}`, {
    syncMode: mode.endsWith("request"),
    timeoutMs: 60_000, // all are raised at once, and the last one waits
    maxQueueBytes: 128 * 1024 * 1024,
  });
  return Promise.resolve({
    notification: () => client.raise(EVENT, { ip: "192.168.2.11" }),
    request: () => client.raise(EVENT, { ip: "192.168.2.11" }),
    close: () => client.close(),
  });
});
