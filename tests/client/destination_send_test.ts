import { assert, assertEquals } from "@std/assert";
import type { Delivery } from "../../src/client/delivery.ts";
import { Destination } from "../../src/client/destination.ts";
import { settingsOf } from "../../src/client/options.ts";
import { headOf } from "../../src/protocol/message.ts";
import { parseSocket } from "../../src/protocol/socket.ts";

const pure = { permissions: "none" } as const;
const TARGET = parseSocket("jsonrpc:h:1");
const [A, B] = ["E_A", "E_B"].map((event) => headOf(TARGET, event, undefined));

/** A destination, and what it has settled. */
function make(options = {}) {
  const settled: Delivery[] = [];
  const destination = new Destination(
    TARGET,
    settingsOf(options),
    1,
    (delivery) => settled.push(delivery),
  );
  const send = (head = A!, params: string | string[] = "") =>
    destination.send(head, params, 1000, undefined, false);
  return { destination, settled, send };
}

Deno.test(
  "Destination.send() sends a list in one write, of which nothing else is part",
  pure,
  () => {
    const { destination, settled, send } = make();
    const first = send();
    const list = send(A, ["[1]", "[2]", "[3]"]);
    const last = send();
    assertEquals(new Set([first, list, last]).size, 3);
    assertEquals([list.count, destination.stats.queued], [3, 5]);
    destination.turnEnded(10);
    const conversation = destination.opened(20);
    const text = destination.nextWrite(conversation) as string;
    assertEquals(
      text.match(/"params":[^}]*/g)!.map((params) => params.slice(9)),
      ["{", "[1]", "[2]", "[3]", "{"],
    );
    destination.written(conversation, text.length, 30);
    assertEquals(settled, [first, list, last]);
    const { raised, written, queued, queuedBytes } = destination.stats;
    assertEquals({ raised, written, queued, queuedBytes }, {
      raised: 5,
      written: 5,
      queued: 0,
      queuedBytes: 0,
    });
  },
);

Deno.test(
  "Destination.send() refuses a list as a whole when the queue is full",
  pure,
  () => {
    const { destination, send } = make({ maxQueueBytes: 100 });
    const list = send(A, ["[1]", "[2]"]);
    assert(list.isSettled && list.isOurs);
    assertEquals(destination.stats.failed.queueFull, 2);
    assertEquals(destination.stats.queued, 0);
  },
);

Deno.test(
  "Destination.send() shares what is refused in a turn, whatever event it is",
  pure,
  () => {
    const { destination, settled, send } = make({ maxQueueBytes: 1 });
    const refused = [send(A), send(B), send(A)];
    assertEquals(new Set(refused).size, 1);
    for (const head of [A!, B!]) {
      const { message } = refused[0]!.errorFor(head) as Error;
      assert(message.includes(`"${head.event}" to jsonrpc:h:1`), message);
    }
    assertEquals(destination.notices, [{ type: "full", events: 3 }]);
    destination.turnEnded(10);
    assertEquals(settled, [refused[0]!]);
    assertEquals([refused[0]!.count, refused[0]!.settledAt], [3, 10]);
    assert(send(A) !== refused[0], "in the next turn it is another");
  },
);

Deno.test(
  "Delivery.isOurs tells whether a failure says something of the server",
  pure,
  () => {
    const { destination, send } = make();
    const aborted = send();
    destination.turnEnded(0);
    destination.abort([aborted], "reason", 1);
    const unconnected = send();
    destination.turnEnded(2);
    destination.connectFailed("refused", undefined, 3);
    const late = send();
    destination.turnEnded(4);
    destination.expire(2000);
    destination.drain();
    const closed = send();
    assertEquals(
      [aborted, unconnected, late, closed].map(({ isOurs }) => isOurs),
      [true, false, false, true],
    );
  },
);
