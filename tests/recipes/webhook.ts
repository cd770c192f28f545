// Posts each event to a webhook, and confirms it when the webhook took it.

import { type EventServer, serveEvents, ServerError } from "../../mod.ts";

export function eventsToWebhook(url: string, port = 8080): EventServer {
  return serveEvents({ port }, async ({ text }) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: text,
      signal: AbortSignal.timeout(5000),
    });
    await response.body?.cancel();
    if (response.ok) return true;
    throw new ServerError(response.status, "The webhook refused the event");
  });
}
