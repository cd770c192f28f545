// json-rpc-client: messages with nothing between them, a write for each.

import type { Socket } from "node:net";
import { SPECIFIERS } from "../peers.ts";
import { main } from "./client.ts";
import { closed } from "./socket.ts";

interface Client {
  _client: Socket;
  connect(): Promise<void>;
  /** Resolves to the response, or at once if it is a notification. */
  send(
    method: string,
    params: unknown,
    isNotification?: true,
  ): Promise<{ result: unknown }>;
  on(event: "error" | "close", listener: () => void): void;
}
const { default: JsonRpcClient } = await import(
  SPECIFIERS["json-rpc-client"]
) as {
  default: new (
    options: { host: string; port: number; reconnect: boolean },
  ) => Client;
};

await main(async ({ port, shape: { event, params } }) => {
  console.log = () => {}; // it prints its options, and how it ends
  const client = new JsonRpcClient({
    host: "127.0.0.1",
    port: Number(port),
    reconnect: false,
  });
  await client.connect();
  client._client.setNoDelay(true);
  client.on("error", () => {}); // it would end the process
  return {
    notification: (i) => client.send(event, params(i), true),
    request: async (i) => (await client.send(event, params(i))).result,
    close: () => closed(client._client),
  };
});
