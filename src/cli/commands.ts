/** All commands, by their names. */

import type { CommandEntry } from "./command.ts";

/** Each command's module is loaded when it is used: to load all takes time. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  raise: {
    summary: "send an event to a server",
    load: async () => (await import("./raise.ts")).raise,
  },
  pump: {
    summary: "send events from standard input, one for each line",
    load: async () => (await import("./pump.ts")).pump,
  },
  listen: {
    summary: "print the events that come in",
    load: async () => (await import("./listen.ts")).listen,
  },
  hub: {
    summary: "let others raise events and subscribe to them, by HTTP",
    load: async () => (await import("./hub.ts")).hub,
  },
  outbox: {
    summary: "show what an outbox keeps; retry or drop it",
    load: async () => (await import("./outbox.ts")).outbox,
  },
  events: {
    summary: "list the events that OpenSIPS has",
    load: async () => (await import("./events.ts")).events,
  },
  completions: {
    summary: "print a script for the completions of a shell",
    load: async () =>
      (await import("./completions.ts")).completionsOf(COMMANDS),
  },
};
