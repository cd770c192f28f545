// The EventInterface beside the client, and with more and more subscribers. The
// number of deliveries is the same everywhere.

import { Server } from "../processes.ts";
import {
  compared,
  format,
  LOST,
  type Options,
  PEAK,
  ratioTarget,
  type Section,
} from "../section.ts";
import { measureClient, OURS } from "./common.ts";

const ONE = "EventInterface, 1 subscriber";
const MANY = "EventInterface, 100 destinations, 1 subscriber each";

export async function eventInterface(options: Options): Promise<Section> {
  const server = await Server.start();
  const servers = await Server.start("--ports=100");
  const count = options.isQuick ? 20_000 : 1_000_000;
  const subscribed = (subscribers: number) => ({
    name: subscribers === 1
      ? ONE
      : `EventInterface, ${format.count(subscribers)} subscribers`,
    floor: OURS,
    measure: () =>
      measureClient(server, "event_interface.ts", "notify", count, subscribers),
  });
  const rows = [
    {
      name: OURS,
      floor: OURS,
      measure: () => measureClient(server, "event_jsonrpc.ts", "notify", count),
    },
    ...[1, 10, 100, 1000].map(subscribed),
    {
      name: MANY,
      floor: OURS,
      measure: () =>
        measureClient(servers, "event_interface.ts", "notify", count, 100),
    },
  ];
  const flat = rows.slice(2).map(({ name }) =>
    ratioTarget(
      `of 1 subscriber: ${name}`,
      { atLeast: 0.9 },
      name,
      ONE,
      "rate",
    )
  );
  return {
    title: "Through the EventInterface",
    columns: [
      compared("rate", "deliveries/s"),
      LOST,
      PEAK,
    ],
    rows,
    targets: [
      ratioTarget("of the client", { atLeast: 0.9 }, ONE, OURS, "rate"),
      ...flat,
    ],
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}
