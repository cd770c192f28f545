// vscode-jsonrpc: messages behind a Content-Length, in a write of its own.

import { connect, type Socket } from "node:net";
import { SPECIFIERS } from "../peers.ts";
import { main } from "./client.ts";
import { closed } from "./socket.ts";

interface Connection {
  listen(): void;
  sendNotification(method: string, params: unknown): Promise<void>;
  sendRequest(method: string, params: unknown): Promise<unknown>;
}
const { createMessageConnection, StreamMessageReader, StreamMessageWriter } =
  await import(SPECIFIERS["vscode-jsonrpc"]) as {
    createMessageConnection(reader: unknown, writer: unknown): Connection;
    StreamMessageReader: new (socket: Socket) => unknown;
    StreamMessageWriter: new (socket: Socket) => unknown;
  };

await main(async ({ port, shape: { event, params } }) => {
  const socket = connect(Number(port), "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  if (!Deno.args.includes('"nagle"')) socket.setNoDelay(true);
  const connection = createMessageConnection(
    new StreamMessageReader(socket),
    new StreamMessageWriter(socket),
  );
  connection.listen();
  let last: Promise<unknown> = Promise.resolve(); // it writes in order
  return {
    notification: (i) => last = connection.sendNotification(event, params(i)),
    request: (i) => connection.sendRequest(event, params(i)),
    async close() {
      await last;
      await closed(socket);
    },
  };
});
