// json-rpc-2.0 brings no transport of its own: it gets that of plain Deno.

import { SPECIFIERS } from "../peers.ts";
import { main } from "./client.ts";
import { LineConnection } from "./line_connection.ts";

interface Client {
  notify(method: string, params: unknown): void;
  request(method: string, params: unknown): Promise<unknown>;
  rejectAllPendingRequests(message: string): void;
  receive(response: unknown): void;
}
const { JSONRPCClient } = await import(SPECIFIERS["json-rpc-2.0"]) as {
  JSONRPCClient: new (send: (message: unknown) => Promise<void>) => Client;
};

await main(async ({ port, shape: { event, params } }) => {
  const connection = new LineConnection(
    await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
    (line) => client.receive(JSON.parse(line)),
    () => client.rejectAllPendingRequests("the connection has ended"),
  );
  const client = new JSONRPCClient((message) =>
    connection.send(JSON.stringify(message) + "\n")
  );
  return {
    notification: (i) => client.notify(event, params(i)),
    request: (i) => client.request(event, params(i)),
    close: () => connection.close(),
  };
});
