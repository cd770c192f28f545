// This project's EventInterface, with its defaults: as many subscribers as there
// are in flight, at one destination, or spread over all ports that are given.
// Among its options, { "policy": "FAILOVER" } makes one virtual socket of all
// ports. What is counted is deliveries.

import { EventInterface, QueueFullError } from "../../../mod.ts";
import { BURST, main } from "./client.ts";

await main((task) => {
  const { shape: { event, params }, inFlight: subscribers } = task;
  const { policy, ...options } = JSON.parse(task.options);
  const events = new EventInterface(options);
  const undone = { refused: 0, late: 0 };
  events.addEventListener("failed", ({ detail: { report } }) => {
    if (report.error instanceof QueueFullError) undone.refused++;
    else undone.late++;
  });
  const destinations = task.port.split(",").map((port) => `127.0.0.1:${port}`);
  if (policy !== undefined) {
    const sockets = destinations.map((address) => `jsonrpc:${address}`);
    events.subscribe(event, `virtual:${policy} ${sockets.join(" ")}`);
  }
  for (let i = 0; i < subscribers && policy === undefined; i++) {
    // Each has a method of its own, or they would be the same subscription;
    // of the same length as the event's name.
    const method = `method_${i}`.padEnd(event.length, "_");
    const destination = destinations[i % destinations.length];
    events.subscribe(event, `jsonrpc:${destination}/${method}`);
  }
  const each = policy === "PARALLEL" ? destinations.length : subscribers;
  return {
    async notifications({ mode, count }) {
      const burst = mode === "notify at once" ? count : BURST;
      for (let i = 0; i < count;) {
        const end = Math.min(i + burst, count);
        for (; i < end; i += each) events.raise(event, params(i));
        await events.flush();
      }
    },
    close: () => events.close(),
    undone: () => undone,
  };
});
