/** Connections in memory: web streams, and nothing of Deno. */

import type { Connection } from "../../src/transport.ts";

/** Two ends of one connection. */
export function memoryPair(): [Connection, Connection] {
  const [there, back] = [pipe(), pipe()];
  const close = () => {
    there.end();
    back.end();
  };
  return [
    { readable: back.readable, writable: there.writable, close },
    { readable: there.readable, writable: back.writable, close },
  ];
}

function pipe() {
  let controller!: TransformStreamDefaultController<Uint8Array>;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    start(c) {
      controller = c;
    },
  });
  return { readable, writable, end: () => controller.terminate() };
}
