// Blocks an address when OpenSIPS says that it sends too much.

import { type EventServer, serveEvents, ServerError } from "../../mod.ts";
import type { OpenSipsEvents } from "../../src/opensips/mod.ts";

export function blockAddresses(
  blocked: Set<string>,
  port = 8080,
): EventServer {
  return serveEvents<OpenSipsEvents>({ port }, {
    E_PIKE_BLOCKED({ params: { ip } }) {
      if (typeof ip !== "string") throw new ServerError(-32602, "No ip");
      blocked.add(ip);
      return true;
    },
  });
}
