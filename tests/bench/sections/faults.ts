// A server that dies while it is sent to: what each client says of it.

import { runClient, Server } from "../processes.ts";
import {
  type Column,
  format,
  type Options,
  type Row,
  type Section,
} from "../section.ts";
import { FILES, needPackage, OURS, PACKAGES, PLAIN } from "./common.ts";

const REQUESTS = 20_000, ANSWERED = 1000;
const NOTIFICATIONS = 500_000, READ = 100_000;
/** About the length of a notification, of whichever package. */
const MESSAGE_BYTES = 85;

const CLIENTS = {
  [OURS]: FILES.ours,
  [PLAIN]: FILES.plain,
  ...PACKAGES,
};

export function faults(options: Options): Promise<Section> {
  const column = (key: string): Column => ({
    key,
    title: key,
    format: format.count,
  });
  const row = (
    name: string,
    file: string,
    mode: string,
    count: number,
    flag: string,
  ): Row => ({
    name: `${name}, ${mode}s`,
    async measure() {
      if (name in PACKAGES) needPackage(options, name);
      await using server = await Server.start(flag);
      const { resolved, rejected, pending } = await runClient(
        file,
        server.port,
        `fault ${mode}`,
        "one",
        count,
      );
      return { resolved, rejected, pending };
    },
  });
  // jayson has a connection for each message: none of this applies to it.
  const clients = Object.entries(CLIENTS).filter(([name]) => name !== "jayson");
  return Promise.resolve({
    title: "A server that dies",
    columns: ["resolved", "rejected", "pending"].map(column),
    rows: [
      ...clients.map(([name, file]) =>
        row(
          name,
          file,
          "request",
          REQUESTS,
          `--die-after-requests=${ANSWERED}`,
        )
      ),
      ...clients.map(([name, file]) =>
        row(
          name,
          file,
          "notification",
          NOTIFICATIONS,
          `--die-after-bytes=${READ * MESSAGE_BYTES}`,
        )
      ),
    ],
    targets: [],
    note: `The server dies after it has answered ${format.count(ANSWERED)} of ${
      format.count(REQUESTS)
    } requests, or read about ${format.count(READ)} of ${
      format.count(NOTIFICATIONS)
    } notifications. Pending is what is not settled within 3 seconds; a notification of which the client tells nothing counts as resolved.`,
    maxRounds: 1,
    async [Symbol.asyncDispose]() {},
  });
}
