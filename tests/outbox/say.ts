// What a process that is going to be killed says.

import type { KeptEvent, Outbox } from "../../src/outbox/mod.ts";

const encoder = new TextEncoder();

/** Written before anything else happens: a kill cannot take it back. */
export function say(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

/** Says what becomes of events: "delivered <n> <port>" and so on. */
export function sayAllOf(outbox: Outbox): void {
  const sayOf = (what: string, { params, target }: KeptEvent) =>
    say(`${what} ${JSON.parse(params).n} ${target.split(":").at(-1)}`);
  outbox.addEventListener("delivered", ({ detail }) => {
    sayOf("delivered", detail);
  });
  outbox.addEventListener("postponed", ({ detail }) => {
    sayOf("postponed", detail.event);
  });
  outbox.addEventListener("aside", ({ detail }) => {
    sayOf("aside", detail.event);
  });
  outbox.addEventListener("error", ({ detail }) => {
    say(`error ${detail.error}`);
  });
}
