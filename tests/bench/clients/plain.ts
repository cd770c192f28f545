// Plain Deno: what one writes in some 60 lines when there is no library. It has
// neither time-outs, bounds nor errors. Texts are joined, and go out in chunks
// that a packet of the loopback can carry. Each message is a line, as lines are
// the easiest to split, and the fastest.

import { main } from "./client.ts";

const CHUNK_LENGTH = 60 * 1024;
const encoder = new TextEncoder();

await main(async ({ port, shape: { event, params } }) => {
  const hostname = "127.0.0.1";
  const conn = await Deno.connect({ hostname, port: Number(port) });
  conn.setNoDelay(true);
  const waiting = new Map<number, (result: unknown) => void>();
  let text = "", chunks: Uint8Array[] = [], lastId = 0;
  let written: Promise<void> | undefined;

  function endChunk(): void {
    chunks.push(encoder.encode(text));
    text = "";
  }

  function send(id: string, i: number): Promise<void> {
    const body = JSON.stringify(params(i));
    text += `{${id}"jsonrpc":"2.0","method":"${event}","params":${body}}\n`;
    if (text.length >= CHUNK_LENGTH) endChunk();
    return written ??= write();
  }

  async function write(): Promise<void> {
    await Promise.resolve(); // what is sent in one turn goes out together
    for (;;) {
      if (text !== "") endChunk();
      if (chunks.length === 0) break;
      const taken = chunks;
      chunks = [];
      for (let bytes of taken) {
        while (bytes.length > 0) {
          bytes = bytes.subarray(await conn.write(bytes));
        }
      }
    }
    written = undefined;
  }

  async function read(): Promise<void> {
    const decoder = new TextDecoder(), buffer = new Uint8Array(64 * 1024);
    let rest = "";
    for (;;) {
      const length = await conn.read(buffer);
      if (length === null) return;
      const bytes = buffer.subarray(0, length);
      rest += decoder.decode(bytes, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const { id, result } = JSON.parse(line);
        waiting.get(id)!(result);
        waiting.delete(id);
      }
    }
  }

  const reading = read();
  return {
    notification: (i) => send('"id":null,', i),
    request(i) {
      const id = ++lastId;
      send(`"id":${id},`, i);
      return new Promise((resolve) => waiting.set(id, resolve));
    },
    flush: async () => await written,
    async close() {
      await written;
      await conn.closeWrite();
      await reading;
      conn.close();
    },
  };
});
