// This project's server for events, with its defaults: a handler that counts
// notifications, and answers requests with the number that they bring.

import { serveEvents } from "../../../mod.ts";
import { reportToParent } from "../server/parent.ts";

const received = { messages: 0, requests: 0, oddBytes: 0 };
await using server = serveEvents({ port: 0 }, ({ id, params }) => {
  if (id == null) {
    received.messages++;
    return;
  }
  received.requests++;
  return (params as { n: number }).n;
});
const port = Number(/\d+$/.exec(server.socket)![0]);
await reportToParent([port], received);
