// Events through JetStream, by a connection of one's own; prints JSON.
//
//     jetstream.ts store|bare-store <NATS port> <name> <port> <targets> <count>
//     jetstream.ts deliver|bare-deliver <NATS port> <name> <port> <targets> <count>
//
// Targets are sockets of one server, told apart by their methods. A deliverer
// ends when there is nothing more; it prints when it began and ended too.

// deno-lint-ignore-file no-import-prefix -- of the benchmark only
import {
  AckPolicy,
  jetstream as bare,
  jetstreamManager,
  RetentionPolicy,
} from "npm:@nats-io/jetstream@3.4.0";
import { connect, headers } from "npm:@nats-io/transport-node@3.4.0";
import { EventClient, EventInterface } from "../../../mod.ts";
import { jetstream, Outbox } from "../../../src/outbox/mod.ts";

const [mode, ...rest] = Deno.args;
const name = rest[1];
const [natsPort, , port, targets, count] = rest.map(Number);
const EVENT = "E_CALL_ENDED";
const PARAMS = JSON.stringify({
  caller: "sip:alice@example.com",
  filling: "x".repeat(90),
});
const sockets = Array.from(
  { length: targets },
  (_, i) => `jsonrpc:127.0.0.1:${port}/method_${i}`,
);
/** How many are stored at once. */
const TURN = 100;

const connection = await connect({ port: natsPort });
const options = { name, maxBytes: Infinity }; // else the server sets room aside

/** Runs `store` for each event, `TURN` of them at once. */
async function storeAll(store: (n: number) => Promise<unknown>) {
  // The first of each target, for which streams are made, do not count.
  await Promise.all(sockets.map((_, i) => store(-1 - i)));
  const start = performance.now();
  for (let n = 0; n < count; n += TURN) {
    await Promise.all(Array.from({ length: TURN }, (_, i) => store(n + i)));
  }
  return { rate: count / (performance.now() - start) * 1000 };
}

async function store() {
  await using store = jetstream({ connection, headers }, options);
  return await storeAll((n) =>
    store.append([{
      target: sockets[Math.abs(n) % targets],
      event: EVENT,
      params: PARAMS,
      key: `key-${n}`,
      isKeyGiven: false,
      raisedAt: Date.now(),
    }])
  );
}

async function bareStore() {
  const js = bare(connection), manager = await jetstreamManager(connection);
  await manager.streams.add({
    name,
    subjects: [`${name}.*`],
    retention: RetentionPolicy.Workqueue,
  });
  for (let i = 0; i < targets; i++) {
    await manager.consumers.add(name, {
      durable_name: `d${i}`,
      filter_subject: `${name}.${i}`,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: 1,
    });
  }
  return await storeAll((n) =>
    js.publish(`${name}.${Math.abs(n) % targets}`, PARAMS, {
      msgID: `key-${n}`,
    })
  );
}

async function deliver() {
  await using store = jetstream({ connection, headers }, options);
  await using events = new EventInterface({ syncMode: true });
  await using outbox = new Outbox(store, events);
  const start = Date.now();
  let end = start;
  outbox.addEventListener("delivered", () => end = Date.now());
  await outbox.flush();
  return { start, end, delivered: (await outbox.stats()).delivered };
}

async function bareDeliver() {
  const js = bare(connection);
  await using client = new EventClient(`jsonrpc:127.0.0.1:${port}`, {
    syncMode: true,
  });
  let delivered = 0;
  const start = Date.now();
  let end = start;
  await Promise.all(sockets.map(async (socket, i) => {
    const consumer = await js.consumers.get(name, `d${i}`);
    const messages = await consumer.consume({ max_messages: 10 });
    const looking = setInterval(async () => {
      const { num_pending, num_ack_pending } = await consumer.info();
      if (num_pending + num_ack_pending === 0) messages.stop();
    }, 500);
    for await (const message of messages) {
      await client.raise(EVENT, message.json<object>(), { socket });
      await message.ackAck();
      delivered++;
      end = Date.now();
    }
    clearInterval(looking);
  }));
  return { start, end, delivered };
}

const result = mode === "store"
  ? await store()
  : mode === "bare-store"
  ? await bareStore()
  : mode === "deliver"
  ? await deliver()
  : await bareDeliver();
await connection.close();
console.log(JSON.stringify(result));
