// What an event takes that waits to be delivered, by the kind of its socket.

import { Server } from "../processes.ts";
import {
  format,
  LOST,
  type Options,
  PEAK,
  type Row,
  type Section,
  UNDONE,
} from "../section.ts";
import { clientRow, dispose, FILES } from "./common.ts";
import { POLICIES } from "./interface.ts";

const COUNT = 300_000;
const MOST_KIB = 2;
/** So that all of them wait, and none is refused. */
const ROOMY = { maxQueueBytes: 512 * 1024 * 1024, timeoutMs: 60_000 };

const RUN = {
  file: FILES.interface,
  mode: "notify at once",
  shape: "one",
} as const;
const PLAIN_SOCKET = "plain socket";
const virtual = (policy: string) => `virtual:${policy} of two`;

export async function interfaceMemory(options: Options): Promise<Section> {
  const server = await Server.start();
  const two = await Server.start("--ports=2");
  return {
    title: "Memory of an event that waits, through the EventInterface",
    columns: [
      { key: "grownEach", title: "KiB each", format: format.kib },
      PEAK,
      LOST,
      ...UNDONE,
    ],
    rows: [
      clientRow(options, PLAIN_SOCKET, undefined, {
        ...RUN,
        server,
        count: COUNT,
        options: ROOMY,
      }),
      ...POLICIES.map((policy) => virtualRow(options, two, policy)),
    ],
    targets: POLICIES.map((policy) => ({
      text: `KiB for each event: ${virtual(policy)}`,
      atMost: MOST_KIB,
      value(results) {
        const bytes = results.median(virtual(policy), "grownEach");
        return bytes && bytes / 1024;
      },
    })),
    note: `${
      format.count(COUNT)
    } events are raised in one go, with maxQueueBytes of 512 MiB and timeoutMs of 60,000, so that all of them wait. The growth of the resident memory is divided by their number.`,
    maxRounds: 3,
    [Symbol.asyncDispose]: () => dispose(server, two),
  };
}

function virtualRow(options: Options, two: Server, policy: string): Row {
  const deliveries = policy === "PARALLEL" ? 2 : 1;
  const row = clientRow(options, virtual(policy), undefined, {
    ...RUN,
    server: two,
    count: deliveries * COUNT,
    options: { ...ROOMY, policy },
  });
  return {
    ...row,
    async measure() {
      const { grownEach, ...sample } = await row.measure();
      return { ...sample, grownEach: grownEach && grownEach * deliveries };
    },
  };
}
