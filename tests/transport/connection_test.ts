import { assert, assertEquals } from "@std/assert";
import {
  type Connect,
  connectDeno,
  type Connection,
  EventClient,
  fromStreams,
  serveEvents,
  type StreamPair,
} from "../../mod.ts";
import { toConnection } from "../../src/transport/connection.ts";
import { connectNode } from "../../src/transport/node.ts";

/** Two ends of a connection over the loopback. */
async function pair(
  connect: Connect,
): Promise<[ours: Connection, theirs: Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { signal } = new AbortController();
  const [opened, theirs] = await Promise.all([
    connect("127.0.0.1", listener.addr.port, { signal }),
    listener.accept(),
  ]);
  return [toConnection(opened), theirs];
}

/** Web streams over a connection, as other runtimes have them. */
function toStreams(connection: Connection): StreamPair {
  return {
    readable: new ReadableStream({
      async pull(controller) {
        const buffer = new Uint8Array(65536);
        const length = await connection.read(buffer).catch(() => null);
        if (length === null) controller.close();
        else controller.enqueue(buffer.subarray(0, length));
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream({
      async write(bytes) {
        for (let at = 0; at < bytes.length;) {
          at += await connection.write(bytes.subarray(at));
        }
      },
      close: () => connection.closeWrite(),
    }),
    close() {
      try {
        connection.close();
      } catch { /* it is closed */ }
    },
  };
}

const bytes = new TextEncoder().encode("some bytes");

const KINDS: Record<string, Connect> = {
  "Deno's connection": connectDeno,
  "fromStreams()": async (...args) => toStreams(await connectDeno(...args)),
  "Node's connection": connectNode,
};

for (const [kind, connect] of Object.entries(KINDS)) {
  Deno.test(`${kind} leaves a way open when the other has ended`, async () => {
    const [ours, theirs] = await pair(connect);
    using _ = theirs;
    await theirs.write(bytes);
    const buffer = new Uint8Array(20);
    assertEquals(await ours.read(buffer), bytes.length);
    assertEquals(buffer.subarray(0, bytes.length), bytes);
    await theirs.closeWrite();
    assertEquals(await ours.read(buffer), null);
    assertEquals(await ours.write(bytes), bytes.length);
    await ours.closeWrite();
    assertEquals(await new Response(theirs.readable).text(), "some bytes");
    await ours.close();
  });

  Deno.test(`${kind} can be closed while it is read`, async () => {
    const [ours, theirs] = await pair(connect);
    using _ = theirs;
    const reading = ours.read(new Uint8Array(9)).catch(() => null);
    ours.close();
    assertEquals(await reading, null);
    assertEquals(await theirs.read(new Uint8Array(1)), null);
  });

  Deno.test(`EventClient and its server talk over ${kind}`, async () => {
    await using server = serveEvents({ port: 0 }, ({ params }) => params);
    for (const syncMode of [false, true]) {
      await using client = new EventClient(server.socket, {
        syncMode,
        connect,
      });
      const result = await client.raise("E_X", { a: "é漢😀" });
      assertEquals(result, syncMode ? { a: "é漢😀" } : undefined);
    }
  });
}

Deno.test("fromStreams() gives what does not fit a buffer to the next read", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const connection = fromStreams({ readable, writable, close() {} });
  const written = connection.write(bytes);
  const read: number[] = [];
  const buffer = new Uint8Array(3);
  for (let at = 0; at < bytes.length;) {
    const length = await connection.read(buffer);
    assert(length !== null && length > 0);
    read.push(...buffer.subarray(0, length));
    at += length;
  }
  assertEquals(Uint8Array.from(read), bytes);
  assertEquals(await written, bytes.length);
});
