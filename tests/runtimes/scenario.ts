/**
 * What is tried on every runtime. It knows none of them: it is given a `Connect`
 * and where the servers of the test are, and tells what it saw.
 */

import {
  type Connect,
  DeliveryError,
  EventClient,
  type EventClientOptions,
  EventInterface,
} from "../../mod.ts";

/** Where the servers of the test are; see `runtimes_test.ts`. */
export interface Ports {
  /** Does as the socket's method says. */
  obedient: number;
  /** Nothing listens there. */
  refused: number;
  /** Resets each connection at the first bytes. */
  resetting: number;
  /** Accepts, and does not read until it is told to. */
  stalled: number;
  /** Does not even accept. */
  full: number;
  /** Responds to all over TLS, with a certificate from these authorities. */
  tls: { port: number; caCerts: string[] };
}

/** What became of each step, by its name. */
export type Seen = Record<string, unknown>;

/** How many events `many` raises, and how many bytes of filling each has. */
export const MANY = 20_000;
/** How many events `stalled` raises: more than the system's buffers hold. */
export const STALLED = 400;
export const FILLING: string = "x".repeat(50_000);
const TIMEOUT_MS = 300;

/** Goes through all steps, one after another. */
export async function runScenario(
  connect: Connect | undefined,
  ports: Ports,
): Promise<Seen> {
  const at = (port: number) => `jsonrpc:127.0.0.1:${port}`;
  const seen: Seen = {};
  async function step(
    name: string,
    socket: string,
    options: EventClientOptions,
    run: (client: EventClient) => unknown,
  ): Promise<void> {
    const client = new EventClient(socket, { connect, ...options });
    try {
      seen[name] = await run(client);
    } catch (error) {
      seen[name] = outcomeOf(error);
    }
    await client.close();
  }
  const { obedient, refused, resetting, stalled, full, tls } = ports;
  const sync = { syncMode: true };
  const short = { timeoutMs: TIMEOUT_MS };

  await step("notification", `${at(obedient)}/keep`, {}, async (client) => {
    await client.raise("E_ONE", { text: "zażółć", n: 1 });
    return client.stats.written;
  });
  // Closed with all of it under way: nothing may be lost at the end.
  await step("many", `${at(obedient)}/count`, {}, (client) => {
    for (let n = 0; n < MANY; n++) client.raise("E_MANY", { n });
  });
  await step(
    "confirmed",
    `${at(obedient)}/echo`,
    sync,
    (client) => client.raise("E_TWO", { text: "zażółć", n: 2 }),
  );
  await step(
    "the server's error",
    `${at(obedient)}/refuse`,
    sync,
    (client) => client.raise("E_X"),
  );
  await step("a new connection", `${at(obedient)}/once`, sync, async (c) => {
    await c.raise("E_X");
    await ended(c);
    await c.raise("E_X");
    return c.stats.connects;
  });
  await step(
    "no server",
    at(refused),
    {},
    (client) => client.raise("E_X"),
  );
  await step(
    "no answer, and the end",
    `${at(obedient)}/hang_up`,
    sync,
    (client) => client.raise("E_X"),
  );
  await step("a reset", at(resetting), sync, (client) => client.raise("E_X"));
  await step("no answer", `${at(obedient)}/ignore`, {
    ...sync,
    ...short,
  }, async (client) => {
    const start = performance.now();
    const error = await client.raise("E_X").catch(outcomeOf);
    const ms = performance.now() - start;
    return { error, isInTime: ms >= TIMEOUT_MS - 1 && ms < 3 * TIMEOUT_MS };
  });
  await step("no connection", at(full), short, (client) => client.raise("E_X"));
  await step("a server that does not read", at(stalled), short, async (c) => {
    const raised = Array.from(
      { length: STALLED },
      (_, n) => c.raise("E_X", { n, filling: FILLING }),
    );
    const settled = await Promise.allSettled(raised);
    const failed = settled.filter(({ status }) => status === "rejected");
    return {
      taken: STALLED - failed.length,
      error: outcomeOf((failed[0] as PromiseRejectedResult)?.reason),
    };
  });

  const secret = `jsonrpcs:127.0.0.1:${tls.port}`;
  const trust = { caCerts: tls.caCerts };
  await step(
    "over TLS",
    secret,
    { ...sync, tls: trust },
    (client) => client.raise("E_X", { text: "zażółć" }),
  );
  await step(
    "an authority that is not known",
    secret,
    sync,
    (client) => client.raise("E_X").catch(({ message }) => helpIn(message)),
  );

  const events = new EventInterface({ connect, ...sync });
  events.subscribe(
    "E_X",
    `virtual:FAILOVER ${at(refused)} ${at(obedient)}/echo`,
  );
  events.subscribe("E_X", at(refused));
  const reports = await events.raise("E_X", { n: 3 });
  seen["the Event Interface"] = reports.map(({ outcome, result, error }) =>
    outcome === "failed" ? outcomeOf(error) : result
  );
  await events.close();
  return seen;
}

/** Resolves when the connection of a client has ended. */
function ended(client: EventClient): Promise<void> {
  return new Promise((resolve) =>
    client.addEventListener("disconnect", () => resolve(), { once: true })
  );
}

/** The option that an error's message proposes. */
function helpIn(message: string): string | undefined {
  return /; (tls\.\w+) can /.exec(message)?.[1];
}

/** An error, but for its message, which differs from runtime to runtime. */
function outcomeOf(error: unknown): unknown {
  return error instanceof DeliveryError
    ? { error: error.name, mayHaveArrived: error.mayHaveArrived }
    : String(error);
}
