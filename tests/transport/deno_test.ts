import { assert, assertEquals } from "@std/assert";
import {
  connectDeno,
  type Connection,
  EventClient,
  serveEvents,
} from "../../mod.ts";
import { connectionOf, endsOf } from "../../src/transport/deno.ts";

/** Two ends of a connection over the loopback. */
async function pair(): Promise<[ours: Connection, theirs: Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { signal } = new AbortController();
  return await Promise.all([
    connectDeno("127.0.0.1", listener.addr.port, { signal }),
    listener.accept(),
  ]);
}

const bytes = new TextEncoder().encode("some bytes");

/** A connection is used by its streams, or without them: it must not matter. */
const USES = {
  "its streams": ({ readable, writable }: Connection) =>
    endsOf({ readable, writable, close() {} }),
  "no streams": endsOf,
};

for (const [use, take] of Object.entries(USES)) {
  Deno.test(`a connection by ${use} leaves a way open when the other has ended`, async () => {
    const [ours, theirs] = await pair();
    using _ = theirs;
    const { reader, writer } = take(ours);
    await theirs.write(bytes);
    const { value } = await reader.read();
    assertEquals(value, bytes);
    await theirs.closeWrite();
    assertEquals((await reader.read()).done, true);
    await writer.write(bytes);
    await writer.close();
    assertEquals(await new Response(theirs.readable).text(), "some bytes");
    await ours.close();
  });

  Deno.test(`a connection by ${use} can be closed while it is read`, async () => {
    const [ours, theirs] = await pair();
    using _ = theirs;
    const { reader } = take(ours);
    const reading = reader.read().then(({ done }) => done, () => true);
    reader.cancel().catch(() => {});
    ours.close();
    ours.close();
    assert(await reading);
    assertEquals(await theirs.read(new Uint8Array(1)), null);
  });
}

Deno.test("connectionOf() makes no streams for who needs none", async () => {
  const [ours, theirs] = await pair();
  using _ = theirs;
  let made = 0;
  const original = globalThis.ReadableStream;
  globalThis.ReadableStream = new Proxy(original, {
    construct(Stream, args) {
      made++;
      return new Stream(...args);
    },
  });
  try {
    const connection = connectionOf(theirs);
    endsOf(connection);
    assertEquals(made, 0);
    assertEquals(connection.readable, connection.readable);
    assertEquals(made, 1);
  } finally {
    globalThis.ReadableStream = original;
    ours.close();
  }
});

Deno.test("EventClient uses the streams of a connection that was wrapped", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  let written = 0, read = 0;
  await using client = new EventClient(server.socket, {
    syncMode: true,
    async connect(...args) {
      const connection = await connectDeno(...args);
      const count = new TransformStream<Uint8Array, Uint8Array>({
        transform(bytes, controller) {
          written += bytes.length;
          controller.enqueue(bytes);
        },
      });
      count.readable.pipeTo(connection.writable).catch(() => {});
      return {
        ...connection,
        readable: connection.readable.pipeThrough(
          new TransformStream({
            transform(bytes, controller) {
              read += bytes.length;
              controller.enqueue(bytes);
            },
          }),
        ),
        writable: count.writable,
      };
    },
  });
  assertEquals(await client.raise("E_X"), true);
  assert(written > 0 && read > 0);
});
