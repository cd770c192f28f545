import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import type { Connect } from "../../mod.ts";

const connect: Connect = async (hostname, port) => {
  const input = new PassThrough(), close = () => void input.end();
  const data = (_: unknown, bytes: Uint8Array) => void input.write(bytes);
  const socket = { data, close, drain: () => void input.emit("sent") };
  const tcp = await Bun.connect({ hostname, port, socket });
  const write = async (b: Uint8Array) => {
    while ((b = b.subarray(tcp.write(b))).length > 0) await once(input, "sent");
  };
  const writable = new WritableStream({ write, close: () => tcp.shutdown() });
  return { readable: Readable.toWeb(input), writable, close: () => tcp.end() };
};

// What follows is of the test.
import process from "node:process";
import { runScenario } from "./scenario.ts";

const seen = await runScenario(connect, JSON.parse(process.argv[2]));
console.log(JSON.stringify(seen));
process.exit(); // or an attempt to connect that was given up would keep it

/** The part that is used of Bun's types. */
declare const Bun: {
  connect(options: unknown): Promise<{
    /** How many bytes were taken; the rest may be tried again when drained. */
    write(bytes: Uint8Array): number;
    shutdown(): void;
    end(): void;
  }>;
};
