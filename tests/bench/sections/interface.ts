// The EventInterface beside the client: one subscriber, many, and virtual sockets.

import { Server } from "../processes.ts";
import {
  compared,
  CPU,
  format,
  LOST,
  type Options,
  PEAK,
  ratioTarget,
  type Section,
  UNDONE,
} from "../section.ts";
import { clientRow, dispose, FILES, OURS } from "./common.ts";

const CLIENT = `${OURS}, its client`;
const ONE = "EventInterface, 1 subscriber";
const subscribers = (count: number) =>
  `EventInterface, ${format.count(count)} subscribers`;
const SPREAD = "EventInterface, 100 destinations, 1 subscriber each";
const MANY = [10, 1000];
export const POLICIES = ["FAILOVER", "ROUND-ROBIN", "PARALLEL"];
const virtual = (policy: string) => `EventInterface, virtual:${policy} of two`;
const COUNT = 1_000_000, VIRTUAL_COUNT = 300_000;

export async function eventInterface(options: Options): Promise<Section> {
  const server = await Server.start();
  const two = await Server.start("--ports=2");
  const hundred = await Server.start("--ports=100");
  const run = {
    server,
    file: FILES.interface,
    mode: "notify",
    shape: "one",
    count: COUNT,
  } as const;
  return {
    title: "Through the EventInterface",
    columns: [compared("rate", "deliveries/s"), CPU, LOST, ...UNDONE, PEAK],
    rows: [
      clientRow(options, CLIENT, CLIENT, { ...run, file: FILES.ours }),
      clientRow(options, ONE, CLIENT, run),
      ...MANY.map((inFlight) =>
        clientRow(options, subscribers(inFlight), ONE, { ...run, inFlight })
      ),
      clientRow(options, SPREAD, ONE, {
        ...run,
        server: hundred,
        inFlight: 100,
      }),
      ...POLICIES.map((policy) =>
        clientRow(options, virtual(policy), ONE, {
          ...run,
          server: two,
          count: VIRTUAL_COUNT,
          options: { policy },
        })
      ),
    ],
    targets: [
      ratioTarget("of the client", { atLeast: 0.9 }, ONE, CLIENT, "rate"),
      ...MANY.map((count) =>
        ratioTarget(
          `of one subscriber's deliveries: ${subscribers(count)}`,
          { atLeast: 0.9 },
          subscribers(count),
          ONE,
          "rate",
        )
      ),
      ...["FAILOVER", "ROUND-ROBIN"].map((policy) =>
        ratioTarget(
          `of a plain socket: ${policy}`,
          { atLeast: 0.5 },
          virtual(policy),
          ONE,
          "rate",
        )
      ),
    ],
    note:
      "Deliveries in bursts of 100,000. One subscriber is compared to the client, all others to one subscriber; PARALLEL delivers each event twice.",
    [Symbol.asyncDispose]: () => dispose(server, two, hundred),
  };
}
