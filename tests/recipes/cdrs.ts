// Takes CDRs of OpenSIPS, and keeps each on disk until billing has confirmed it.

import { EventClient, JsonText, serveEvents } from "../../mod.ts";
import { openSqlite, Outbox } from "../../src/outbox/mod.ts";

export function keepCdrs(file: string, billing: string, port = 8080) {
  const store = openSqlite(file);
  const client = new EventClient(billing, { syncMode: true });
  const outbox = new Outbox(store, client, { keyParam: "key" });
  const server = serveEvents({ port }, {
    async E_ACC_CDR({ method, paramsText }) {
      await outbox.raise(method, new JsonText(paramsText));
      return true; // it is safe on disk
    },
  });
  return { server, outbox, client, store };
}
