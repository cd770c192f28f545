// This project's EventInterface: as many subscribers as there are in flight,
// at one destination, or spread over all ports that are given.
//
//     event_interface.ts <port>[,<port>…] notify <deliveries> <subscribers>

import { EventInterface } from "../../../mod.ts";
import { EVENT, main } from "./client.ts";

const [ports, , , inFlight = "1"] = Deno.args;
const subscribers = Number(inFlight);
const destinations = ports.split(",");

await main(() => {
  const events = new EventInterface({
    timeoutMs: 60_000,
    maxQueueBytes: 128 * 1024 * 1024,
  });
  for (let i = 0; i < subscribers; i++) {
    // Each has a method of its own, or they would be the same subscription;
    // of the same length as the event's name.
    const method = `method_${String(i).padStart(7, "0")}`;
    const port = destinations[i % destinations.length];
    events.subscribe(EVENT, `jsonrpc:127.0.0.1:${port}/${method}`);
  }
  return Promise.resolve({
    notification: () => events.raise(EVENT, { ip: "192.168.2.11" }),
    async notifications({ count }) {
      for (let left = count; left > 0; left -= subscribers) {
        events.raise(EVENT, { ip: "192.168.2.11" });
      }
      await Promise.resolve();
    },
    close: () => events.close(),
  });
});
