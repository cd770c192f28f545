// json-rpc2: messages with nothing between them, a write for each.

import type { Socket } from "node:net";
import { SPECIFIERS } from "../peers.ts";
import { main } from "./client.ts";
import { closed } from "./socket.ts";

interface Connection {
  conn: Socket;
  autoReconnect: boolean;
  call(
    method: string,
    params: unknown,
    callback?: (error: unknown, result: unknown) => void,
  ): void;
}
interface Client {
  connectSocket(callback: (error: unknown, conn: Connection) => void): void;
}
const { default: { Client } } = await import(SPECIFIERS["json-rpc2"]) as {
  default: { Client: { $create(port: number, host: string): Client } };
};

await main(async ({ port, shape: { event, params } }) => {
  const connection = await new Promise<Connection>((resolve, reject) => {
    Client.$create(Number(port), "127.0.0.1").connectSocket((
      error,
      connection,
    ) => error ? reject(error) : resolve(connection));
  });
  connection.autoReconnect = false;
  connection.conn.setNoDelay(true);
  return {
    notification: (i) => connection.call(event, params(i)),
    request: (i) =>
      new Promise((resolve, reject) =>
        connection.call(
          event,
          params(i),
          (error, result) => error ? reject(error) : resolve(result),
        )
      ),
    close: () => closed(connection.conn),
  };
});
