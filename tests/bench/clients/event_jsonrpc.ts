// This project's client, with its defaults.

import { EventClient } from "../../../mod.ts";
import { main } from "./client.ts";

await main(({ port, mode, shape: { event, params }, options }) => {
  const client = new EventClient(`jsonrpc:127.0.0.1:${port}`, {
    syncMode: mode.endsWith("request"),
    ...JSON.parse(options),
  });
  return {
    notification: (i) => client.raise(event, params(i)),
    request: (i) => client.raise(event, params(i)),
    flush: () => client.flush(),
    close: () => client.close(),
    undone() {
      const { queueFull, timeout } = client.stats.failed;
      return { refused: queueFull, late: timeout };
    },
  };
});
