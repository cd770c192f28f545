// The client's core, told of everything by hand: no sockets, no sleep, no fakes.

import { assert, assertEquals } from "@std/assert";
import type { Conversation } from "../../src/client/conversation.ts";
import { DELIVERED, type Delivery, FAILED } from "../../src/client/delivery.ts";
import { Destination } from "../../src/client/destination.ts";
import {
  type EventClientOptions,
  settingsOf,
} from "../../src/client/options.ts";
import {
  ConnectionClosedError,
  type DeliveryError,
} from "../../src/protocol/errors.ts";
import { headOf } from "../../src/protocol/message.ts";
import { parseSocket } from "../../src/protocol/socket.ts";
import { modelDestination } from "../faults/destination_model.ts";
import { newSeed } from "../helpers/random.ts";

const pure = { permissions: "none" } as const;
const SOCKET = parseSocket("jsonrpc:h:1");
const HEAD = headOf(SOCKET, "E_X", undefined);
const encode = (text: string) => new TextEncoder().encode(text);

/** A destination that is told of things, at a time that the test passes. */
function destination(options: EventClientOptions = {}) {
  const core = new Destination(SOCKET, settingsOf(options), 100);
  let now = 1000;
  return {
    core,
    pass: (ms: number) => now += ms,
    send: (params = "", timeoutMs = 1000) => {
      const delivery = core.send(HEAD, params, timeoutMs, undefined, false);
      core.turnEnded(now);
      return delivery;
    },
    open: () => core.opened(now),
    write: (conversation: Conversation) => {
      const next = core.nextWrite(conversation);
      if (next === undefined) return undefined;
      const bytes = typeof next === "string" ? encode(next) : next;
      core.written(conversation, bytes.length, now);
      return new TextDecoder().decode(bytes);
    },
    respond: (conversation: Conversation, text: string) => {
      conversation.received(encode(text), now);
      while (core.takeResponses(conversation, now));
    },
    expire: () => core.expire(now),
    lose: (conversation: Conversation) =>
      core.lost(conversation, new ConnectionClosedError("gone"), now),
  };
}

/** What became of a delivery. */
function outcomeOf(delivery: Delivery): string {
  if (delivery.state === DELIVERED) return `delivered ${delivery.result}`;
  if (delivery.state !== FAILED) return "pending";
  const error = delivery.errorFor(HEAD) as DeliveryError;
  return `${error.name}${error.mayHaveArrived ? ", may have arrived" : ""}`;
}

Deno.test(
  "Destination asks for one connection, and writes what waits on it",
  pure,
  () => {
    const { core, send, open, write } = destination();
    assertEquals(core.wantedAttempt, 0);
    const first = send("[1]"), second = send("[2]");
    assert(core.wantedAttempt > 0);
    const conversation = open();
    assertEquals(core.wantedAttempt, 0);
    assertEquals(
      write(conversation),
      [1, 2].map((n) =>
        `{"id":null,"jsonrpc":"2.0","method":"E_X","params":[${n}]}`
      ).join(""),
    );
    assertEquals([first, second].map(outcomeOf), [
      "delivered undefined",
      "delivered undefined",
    ]);
  },
);

Deno.test(
  "Destination settles requests in any order, cut anywhere",
  pure,
  () => {
    const { core, send, open, write } = destination({ syncMode: true });
    const deliveries = [send(), send(), send()];
    const conversation = open();
    write(conversation);
    const text = [103, 101, 102].map((id) => `{"id":${id},"result":${id}}`)
      .join(" ");
    for (const byte of encode(text)) {
      conversation.received(Uint8Array.of(byte), 1000);
      core.takeResponses(conversation, 1000);
    }
    assertEquals(deliveries.map(outcomeOf), [
      "delivered 101",
      "delivered 102",
      "delivered 103",
    ]);
  },
);

Deno.test(
  "Destination keeps an attempt though the event that began it times out",
  pure,
  () => {
    const { core, send, pass, expire, open, write } = destination({
      connectTimeoutMs: 5000,
    });
    const first = send("", 200);
    const attempt = core.wantedAttempt;
    pass(200);
    expire();
    assertEquals(outcomeOf(first), "DeliveryTimeoutError");
    assertEquals(core.wantedAttempt, attempt);
    const second = send("", 200);
    assertEquals(core.wantedAttempt, attempt);
    pass(60);
    write(open());
    assertEquals(outcomeOf(second), "delivered undefined");
  },
);

Deno.test(
  "Destination gives an attempt up after connectTimeoutMs, and begins another",
  pure,
  () => {
    const { core, send, pass, expire } = destination({
      connectTimeoutMs: 5000,
    });
    const waiting = send("", 60_000);
    const attempt = core.wantedAttempt;
    pass(4999);
    expire();
    assertEquals(outcomeOf(waiting), "pending");
    pass(1);
    assertEquals(core.nextDeadline, 6000);
    expire();
    assertEquals(outcomeOf(waiting), "ConnectError");
    assertEquals(core.wantedAttempt, 0);
    send();
    assert(core.wantedAttempt > attempt);
  },
);

Deno.test(
  "Destination gives a connection up on which three requests in a row time out",
  pure,
  () => {
    const { core, send, pass, expire, open, write, respond } = destination({
      syncMode: true,
    });
    const conversation = open();
    const timeOut = () => {
      const delivery = send("", 100);
      write(conversation);
      pass(100);
      expire();
      assertEquals(
        outcomeOf(delivery),
        "DeliveryTimeoutError, may have arrived",
      );
    };
    timeOut();
    timeOut();
    respond(conversation, " "); // a byte: it lives
    timeOut();
    timeOut();
    assertEquals(conversation.state, "open");
    const early = send("", 60_000); // written, and still in time
    write(conversation);
    timeOut();
    assertEquals(conversation.state, "reading");
    send();
    assert(core.wantedAttempt > 0, "the next event opens another");
    respond(conversation, `{"id":${early.id},"result":1}`);
    assertEquals(outcomeOf(early), "delivered 1");
    assertEquals(conversation.state, "closed");
  },
);

Deno.test(
  "Destination has maxInFlight requests in flight, and writes the rest later",
  pure,
  () => {
    const { core, send, open, write, respond } = destination({
      syncMode: true,
      maxInFlight: 2,
    });
    const deliveries = [1, 2, 3, 4, 5].map((n) => send(`[${n}]`));
    const conversation = open();
    assertEquals(write(conversation)!.match(/"id":\d+/g)?.length, 2);
    assertEquals([core.stats.inFlight, core.stats.queued], [2, 3]);
    assertEquals(write(conversation), undefined);
    respond(conversation, `{"id":101,"result":1}`);
    assertEquals(write(conversation)!.match(/"id":\d+/g), [`"id":103`]);
    respond(conversation, `{"id":103,"result":1}{"id":102,"result":1}`);
    assertEquals(write(conversation)!.match(/"id":\d+/g)?.length, 2);
    assertEquals(deliveries.map((d) => outcomeOf(d).split(" ")[0]), [
      "delivered",
      "delivered",
      "delivered",
      "pending",
      "pending",
    ]);
  },
);

Deno.test(
  "Destination writes maxRequestsPerConnection messages, then opens another",
  pure,
  () => {
    for (const syncMode of [false, true]) {
      const { core, send, open, write, respond } = destination({
        syncMode,
        maxRequestsPerConnection: 2,
      });
      const deliveries = [1, 2, 3].map((n) => send(`[${n}]`));
      const first = open();
      write(first);
      assert(core.wantedAttempt > 0);
      assertEquals(first.state, syncMode ? "reading" : "ending");
      const second = open();
      write(second);
      if (syncMode) {
        respond(second, `{"id":103,"result":1}`);
        respond(first, `{"id":102,"result":1}{"id":101,"result":1}`);
        assertEquals(first.state, "ending");
        assertEquals(second.state, "open");
      }
      for (const delivery of deliveries) {
        assertEquals(delivery.state, DELIVERED);
      }
    }
  },
);

Deno.test(
  "Destination ends a connection that was idle for maxIdleMs",
  pure,
  () => {
    const { core, send, pass, expire, open, write } = destination({
      maxIdleMs: 500,
    });
    const conversation = open();
    send();
    pass(499);
    write(conversation);
    assertEquals(core.nextDeadline, 1000 + 499 + 500);
    pass(499);
    expire();
    assertEquals(conversation.state, "open");
    pass(1);
    expire();
    assertEquals(conversation.state, "ending");
    pass(1000);
    expire();
    assertEquals(conversation.state, "closed");
  },
);

Deno.test(
  "Destination sends what was not written on a new connection, and nothing twice",
  pure,
  () => {
    const { core, send, open, write, lose } = destination({ syncMode: true });
    const written = send("[1]");
    const first = open();
    write(first);
    const writing = send("[2]");
    const bytes = core.nextWrite(first);
    const queued = send("[3]");
    lose(first);
    core.written(first, 99, 1000); // too late
    assertEquals([written, writing, queued].map(outcomeOf), [
      "ConnectionClosedError, may have arrived",
      "ConnectionClosedError, may have arrived",
      "pending",
    ]);
    assert(typeof bytes === "string" && bytes.includes("[2]"));
    const second = open();
    assertEquals(
      write(second),
      `{"id":103,"jsonrpc":"2.0","method":"E_X","params":[3]}`,
    );
  },
);

Deno.test(
  "Destination waits for responses on a connection whose write failed",
  pure,
  () => {
    const { core, send, open, write, respond } = destination({
      syncMode: true,
    });
    const before = send("[1]");
    const first = open();
    write(first);
    const failed = send("[2]");
    core.nextWrite(first);
    core.writeFailed(first, new ConnectionClosedError("EPIPE"), 1000);
    assertEquals([before, failed].map(outcomeOf), [
      "pending",
      "ConnectionClosedError, may have arrived",
    ]);
    const next = send("[3]");
    const second = open();
    write(second);
    respond(first, `{"id":101,"result":1}`);
    assertEquals(outcomeOf(before), "delivered 1");
    assertEquals(first.state, "closed");
    respond(second, `{"id":${next.id},"result":3}`);
    assertEquals(outcomeOf(next), "delivered 3");
  },
);

Deno.test(
  "Destination refuses what is too much for its queue, and counts it in a notice",
  pure,
  () => {
    const { core } = destination({ maxQueueBytes: 200 });
    const sent = [1, 2, 3, 4, 5, 6].map((n) =>
      core.send(HEAD, `[${n}]`, 1000, undefined, false)
    );
    core.turnEnded(1000);
    const taken = 3; // of 58 characters each
    for (const [n, delivery] of sent.entries()) {
      assertEquals(
        outcomeOf(delivery),
        n < taken ? "pending" : "QueueFullError",
      );
    }
    assertEquals(core.notices, [{ type: "full", events: 3 }]);
    assertEquals(core.stats.failed.queueFull, 3);
    assertEquals(core.stats.queued, taken);
  },
);

Deno.test(
  "Destination keeps its promises over 10,000 random steps",
  pure,
  () => {
    const seed = newSeed();
    for (let n = 0; n < 20; n++) modelDestination(seed + n, 500);
  },
);

Deno.test(
  "Destination goes on when a failed write or an abort makes room in flight",
  pure,
  () => {
    {
      const { core, send, open, write } = destination({
        syncMode: true,
        maxInFlight: 2,
      });
      send("[1]");
      const first = open();
      write(first);
      send("[2]");
      core.nextWrite(first);
      send("[3]");
      core.writeFailed(first, new ConnectionClosedError("EPIPE"), 1000);
      assert(core.wantedAttempt > 0, "after a failed write");
    }
    {
      const { core, send, open, write } = destination({
        syncMode: true,
        maxInFlight: 1,
        maxRequestsPerConnection: 1,
      });
      const first = send("[1]");
      write(open());
      send("[2]");
      assertEquals(core.wantedAttempt, 0);
      core.abort([first], new Error("mine"), 1000);
      assert(core.wantedAttempt > 0, "after an abort");
    }
  },
);

Deno.test(
  "Destination closes a connection that was given up, though a write hangs on it",
  pure,
  () => {
    const { core, send, pass, expire, open, write } = destination({
      syncMode: true,
    });
    const conversation = open();
    for (let n = 0; n < 3; n++) {
      send("", 100);
      write(conversation);
    }
    send("", 100);
    core.nextWrite(conversation);
    pass(100);
    expire();
    assertEquals(conversation.state, "closed");
  },
);

Deno.test(
  "Destination says why an event is still queued when its time is over",
  pure,
  () => {
    const { core, send, pass, expire, open, write } = destination({
      syncMode: true,
      maxInFlight: 1,
    });
    const conversation = open();
    send("[1]", 100);
    const queued = send("[2]", 100);
    write(conversation);
    pass(100);
    expire();
    const { message } = queued.errorFor(HEAD) as Error;
    assert(message.includes("1 requests are in flight"), message);
    void core;
  },
);

Deno.test(
  "Destination ends an idle connection in time after a response",
  pure,
  () => {
    const { core, send, open, write, respond } = destination({
      syncMode: true,
      maxIdleMs: 200,
    });
    const conversation = open();
    const { id } = (() => {
      const delivery = send("", 5000);
      write(conversation);
      return delivery;
    })();
    core.hasChanged = false;
    respond(conversation, `{"id":${id},"result":1}`);
    assert(core.hasChanged, "the timer has to be set anew");
    assertEquals(core.nextDeadline, 1200);
  },
);

Deno.test(
  "Destination counts queued text alike, whether it is encoded or not",
  pure,
  () => {
    const { core } = destination();
    let expected = 0;
    for (let n = 0; n < 3000; n++) {
      const params = `["Жанна ${n}"]`;
      core.send(HEAD, params, 1000, undefined, false);
      expected +=
        `{"id":null,"jsonrpc":"2.0","method":"E_X","params":}`.length +
        params.length;
    }
    assertEquals(core.stats.queuedBytes, expected);
    core.turnEnded(1000);
    core.connectFailed("refused", new Error("refused"), 1000);
    assertEquals(core.stats.queuedBytes, 0);
  },
);
