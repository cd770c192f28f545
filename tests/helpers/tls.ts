/** TLS servers that do what Deno's own cannot. */

import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Authority, Certified } from "./certificates.ts";

/** A server that demands certificates of its clients, from an authority. */
export async function serveDemanding(
  authority: Authority,
  certified: Certified,
  maxVersion: "TLSv1.2" | "TLSv1.3",
): Promise<AsyncDisposable & { socket: string; texts: string[] }> {
  const conns = new Set<TLSSocket>();
  const texts: string[] = [];
  const server = createServer({
    ...certified,
    ca: [authority.cert],
    requestCert: true,
    rejectUnauthorized: true,
    maxVersion,
  }, (conn) => {
    conns.add(conn);
    conn.on("data", (bytes) => {
      const text = bytes.toString();
      texts.push(text);
      const { id } = JSON.parse(text);
      if (id !== null) {
        conn.write(JSON.stringify({ jsonrpc: "2.0", id, result: "known" }));
      }
    });
    conn.on("error", () => {});
    conn.on("end", () => conn.end());
  });
  server.on("tlsClientError", (_error, conn) => conn.destroy());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    socket: `jsonrpcs:127.0.0.1:${port}`,
    texts,
    async [Symbol.asyncDispose]() {
      for (const conn of conns) conn.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
