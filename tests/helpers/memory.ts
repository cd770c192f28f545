/** Connections in memory: web streams, and nothing of Deno. */

import type { StreamPair } from "../../mod.ts";

/** Two ends of one connection. When one ends its writable, all ends. */
export function memoryPair(): [StreamPair, StreamPair] {
  const there = pipe(() => close()), back = pipe(() => close());
  const close = () => {
    there.end();
    back.end();
  };
  return [
    { readable: back.readable, writable: there.writable, close },
    { readable: there.readable, writable: back.writable, close },
  ];
}

function pipe(onEnd: () => void) {
  let controller!: TransformStreamDefaultController<Uint8Array>;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    start(c) {
      controller = c;
    },
    flush: onEnd,
  });
  return { readable, writable, end: () => controller.terminate() };
}
