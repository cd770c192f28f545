/** `listen --at`: subscribed at a running OpenSIPS. */

import { MAX_TIMEOUT_MS } from "../protocol/checks.ts";
import type {
  Address,
  EventHandler,
  EventServer,
  ServeEventsOptions,
} from "../../mod.ts";
import {
  MiError,
  type OpenSipsReceiver,
  type OpenSipsSubscription,
  receiveFrom,
} from "../opensips/mod.ts";
import { type Arguments, toInteger, UsageError } from "./arguments.ts";
import { stderr } from "./output.ts";
import { printable } from "../protocol/printable.ts";

/** A listener that is subscribed. */
export interface ListeningAt {
  readonly server: EventServer;
  /** What to tell if the process has to end now; nothing if all has ended. */
  leftBehind(): string | undefined;
}

/**
 * Listens, and subscribes as `--at` and the options that belong to it say. The
 * signal ends the subscriptions and then the listener. `address` has the host
 * `""` if none is given.
 *
 * @throws {UsageError} if an option is wrong, or the OpenSIPS cannot reach us.
 * @throws {Deno.errors.AddrInUse} if the address to listen at is in use.
 */
export function listenAt(
  given: Arguments,
  { hostname, port }: Address,
  handler: EventHandler,
  { signal, ...options }: Omit<ServeEventsOptions, "tls">,
): ListeningAt {
  const { positional, has, text, texts } = given;
  const url = toUrl(text("at"));
  const events = texts("event");
  const expire = toInteger(text("expire"), "--expire", 2, 0x7fffffff);
  const checkMs = toInteger(text("check"), "--check", 1, MAX_TIMEOUT_MS);
  const advertise = text("advertise");
  if (events.length === 0) {
    throw new UsageError(
      "--at needs --event, an event's name or a pattern such as 'E_UL_*'",
    );
  }
  const isTls = positional[0]?.startsWith("jsonrpcs:");
  if (isTls || has("cert") || has("key")) {
    throw new UsageError(
      "--at is given with TLS, but OpenSIPS sends events without TLS only",
    );
  }
  let receiver: OpenSipsReceiver;
  try {
    receiver = receiveFrom(url, handler, {
      events,
      expire,
      checkMs,
      advertise,
      signal,
      listen: { ...options, port, ...hostname !== "" && { hostname } },
    });
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== "RangeError" && name !== "SocketSyntaxError") throw error;
    throw new UsageError(message.replace(/as advertise$/, "as --advertise"));
  }
  const { server, subscription } = receiver;
  tellChanges(subscription, url);
  let hasEnded = false;
  subscription.closed.then(() => hasEnded = true);
  return {
    server,
    leftBehind: () =>
      hasEnded
        ? undefined
        : "interrupted before OpenSIPS had ended the subscriptions; " +
          "they end when their time is over",
  };
}

function toUrl(text: string | undefined): URL {
  const expected = "the address of mi_http, such as http://127.0.0.1:8888/mi";
  if (text === undefined) {
    throw new UsageError(
      `--event, --advertise, --expire and --check go with --at, ${expected}`,
    );
  }
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `--at is ${JSON.stringify(text)}, expected ${expected}`,
    );
  }
  return url;
}

/** Tells what becomes of the subscriptions, on standard error. */
function tellChanges(subscription: OpenSipsSubscription, url: URL): void {
  const print = (line: string) => stderr.print(printable(line));
  let lastReason = "";
  subscription.addEventListener("subscribed", ({ detail }) => {
    const { event, socket, missed } = detail;
    print(
      missed === undefined
        ? `subscribed ${event} to ${socket}`
        : `subscribed ${event} to ${socket} again; events may have been missed from ` +
          `${missed.from.toISOString()} to ${missed.until.toISOString()}`,
    );
  });
  subscription.addEventListener("lost", ({ detail: { events, from } }) => {
    print(
      `lost ${events.join(", ")}: OpenSIPS was restarted, or somebody ended ` +
        `the subscriptions; they were there at ${from.toISOString()}`,
    );
  });
  subscription.addEventListener("refused", ({ detail: { event, reason } }) => {
    // A socket that OpenSIPS does not take is refused for each event alike.
    const isSame = reason === lastReason;
    lastReason = reason;
    stderr.fail(
      `Cannot subscribe ${JSON.stringify(event)}: ${
        isSame ? "for the same reason" : reason
      }`,
    );
  });
  subscription.addEventListener("unreachable", ({ detail: { error } }) => {
    print(`waiting for OpenSIPS: ${error.message}${hintOf(error, url)}`);
  });
  subscription.addEventListener("reachable", ({ detail: { downMs } }) => {
    print(`OpenSIPS responds after ${(downMs / 1000).toFixed(1)} s`);
  });
}

/** What may be wrong if something else than the management interface responds. */
function hintOf(error: Error, { pathname }: URL): string {
  return error instanceof MiError && error.status !== undefined &&
      pathname !== "/mi"
    ? `; the path of mi_http is /mi by default, here it is ${pathname}`
    : "";
}
