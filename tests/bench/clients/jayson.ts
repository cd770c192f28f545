// jayson: lines, and a connection of its own for each message.

import type { Socket } from "node:net";
import { SPECIFIERS } from "../peers.ts";
import { main } from "./client.ts";

type Callback = (error: unknown, response: { result: unknown }) => void;
interface Client {
  on(event: "tcp socket", listener: (socket: Socket) => void): void;
  request(
    method: string,
    params: unknown,
    id: null | undefined,
    callback: Callback,
  ): void;
}
const { default: jayson } = await import(SPECIFIERS["jayson"]) as {
  default: { client: { tcp(options: unknown): Client } };
};

/** More connections at a time would wait in the server's queue. */
const IN_FLIGHT = 64;

await main(({ port, shape: { event, params } }) => {
  const client = jayson.client.tcp({
    host: "127.0.0.1",
    port: Number(port),
  });
  const open = new Set<Promise<unknown>>();
  client.on("tcp socket", (socket) => {
    socket.setNoDelay(true);
    const closed: Promise<unknown> = new Promise((resolve) =>
      socket.once("close", resolve)
    ).then(() => open.delete(closed));
    open.add(closed);
    socket.resume(); // or it does not see that the server has closed
  });
  const send = (i: number, id: null | undefined) =>
    new Promise<unknown>((resolve, reject) =>
      client.request(event, params(i), id, (error, response) => {
        if (error || id === undefined && !response) reject(error);
        else resolve(response?.result);
      })
    );
  return {
    async notifications({ count }) {
      let i = 0;
      const some = async () => {
        while (i < count) await send(i++, null);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, some));
    },
    request: (i) => send(i, undefined),
    close: () => Promise.all(open),
  };
});
