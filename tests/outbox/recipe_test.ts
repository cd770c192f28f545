// The guide's recipe for many machines is what these files are, and works.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { EventClient } from "../../mod.ts";
import { findNatsServer, NatsServer } from "../helpers/nats.ts";
import { noting } from "./helpers.ts";
import { Program } from "./process.ts";
import { until } from "../helpers/until.ts";

const command = await findNatsServer();
const read = (path: string) =>
  Deno.readTextFile(new URL(path, import.meta.url));

Deno.test("the guide of the outbox shows the recipe for many machines", async () => {
  const guide = await read("../../src/outbox/README.md");
  const hub = await read("recipe/hub.ts");
  const program = hub.slice(hub.indexOf("\n") + 1); // without a word to lint
  assertStringIncludes(guide, "```ts ignore\n" + program + "```");
  const unit = await read("recipe/event-hub.service");
  assertStringIncludes(guide, "```ini\n" + unit + "```");
});

/** Asks a hub for something, as OpenSIPS's management interface is asked. */
async function ask(port: number, method: string, params: unknown) {
  const response = await fetch(`http://127.0.0.1:${port}/mi`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  return await response.json();
}

Deno.test({
  name: `three hubs of the recipe deliver what any of them takes${
    command === undefined ? " (skipped: no nats-server)" : ""
  }`,
  ignore: command === undefined,
  async fn() {
    await using nats = await NatsServer.start(command!);
    await using receiver = noting();
    const start = () =>
      new Program("recipe/hub.ts", ["E_CALL_ENDED"], [
        ...["env", `NATS=127.0.0.1:${nats.port}`, "PORT=0"],
      ]);
    await using one = start();
    await using two = start();
    await using three = start();
    const ports: number[] = [], sockets: string[] = [];
    for (const hub of [one, two, three]) {
      await hub.until((lines) => lines.length === 2);
      const [managed, raised] = hub.lines.map((line) => line.split(" ").at(-1));
      ports.push(Number(managed));
      sockets.push(raised!);
    }
    const event = "E_CALL_ENDED", { socket } = receiver;
    await ask(ports[0], "event_subscribe", { event, socket, expire: 600 });
    for (const port of ports) {
      const isSubscribed = async () =>
        JSON.stringify(await ask(port, "subscribers_list", {}))
          .includes(socket);
      while (!await isSubscribed());
    }
    const raise = async (n: number, socket: string) => {
      await using client = new EventClient(socket, { syncMode: true });
      await client.raise(event, { n });
    };
    for (let n = 0; n < 9; n++) await raise(n, sockets[n % 3]);
    one.signal("SIGTERM");
    await one.ended;
    await two.kill();
    await raise(9, sockets[2]);
    await until(() => receiver.seen.length >= 10);
    assertEquals(receiver.numbers(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  },
});
