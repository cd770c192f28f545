import { once } from "node:events";
import { connect as open } from "node:net";
import { promisify } from "node:util";
import type { Connect } from "../../mod.ts";

const connect: Connect = async (host, port, { signal }) => {
  const options = { host, port, signal, noDelay: true, allowHalfOpen: true };
  const tcp = open(options).on("error", () => {}); // reads and writes tell
  await once(tcp, "connect");
  const send = promisify(tcp.write.bind(tcp)); // resolves when all is taken
  const write = (bytes: Uint8Array) => send(bytes);
  const writable = new WritableStream({ write, close: () => void tcp.end() });
  const readable = ReadableStream.from<Uint8Array>(tcp);
  return { readable, writable, close: () => void tcp.destroy() };
};

// What follows is of the test.
import process from "node:process";
import { runScenario } from "./scenario.ts";

const seen = await runScenario(connect, JSON.parse(process.argv[2]));
console.log(JSON.stringify(seen));
