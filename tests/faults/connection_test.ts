// A connection that is cut, slow or held up, at every byte of a conversation.

import { assertEquals } from "@std/assert";
import { type Connect, connectDeno } from "../../mod.ts";
import { gate } from "../helpers/tcp.ts";
import {
  answerTo,
  inGroups,
  Model,
  PATIENT_MS,
  record,
  textOf,
} from "./model.ts";
import { type CutBy, type Direction, type Plan, standBefore } from "./proxy.ts";

/** The conversation: so many events, and as many replies. */
const EVENTS = 3;
/** Ids of ten digits, so that each conversation is as long as the others. */
const ANY_ID = 1073741824;
const LENGTH = {
  there: (syncMode: boolean) =>
    EVENTS * byteLength(textOf(0, "", syncMode ? ANY_ID : null)),
  back: (syncMode: boolean) =>
    EVENTS *
    byteLength(answerTo({ id: syncMode ? ANY_ID : null, params: { n: 0 } })),
};
const CONCURRENT = 24;

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Has the ids of a client start in the middle. */
function fixingIds<T>(construct: () => T): T {
  const { random } = Math;
  Math.random = () => 0.5;
  try {
    return construct();
  } finally {
    Math.random = random;
  }
}

const CUTS = [false, true].flatMap((syncMode) =>
  (["there", "back"] as const).flatMap((direction) =>
    (["FIN", "RST"] as const).map((by) => ({ syncMode, direction, by }))
  )
);

for (const { syncMode, direction, by } of CUTS) {
  const mode = syncMode ? "requests" : "notifications";
  Deno.test(`EventClient survives a ${by} after each byte ${direction}, with ${mode}`, async () => {
    const length = LENGTH[direction](syncMode);
    const offsets = Array.from({ length: length + 1 }, (_, n) => n);
    await inGroups(
      offsets,
      CONCURRENT,
      (after) => cutAfter(after, direction, by, syncMode),
    );
  });
}

/** Holds one conversation, which is cut, and then goes on. */
async function cutAfter(
  after: number,
  direction: Direction,
  by: CutBy,
  syncMode: boolean,
): Promise<void> {
  const name = `${by} after ${after} bytes ${direction}`;
  const whole = Math.floor(EVENTS * after / LENGTH[direction](syncMode));
  await using server = record({ answersAll: true });
  await using proxy = await standBefore(server.port, (n) =>
    n > 0 ? {} : {
      cut: {
        direction,
        after,
        by,
        // What was answered is read first: then it is known what must come of
        // it. A reset would destroy it, and an end overtake it.
        until: () =>
          syncMode
            ? Promise.all(
              model.raised.slice(0, whole).map(({ settled }) => settled),
            )
            : undefined,
      },
    });
  const model = fixingIds(() => new Model(name, proxy.socket, { syncMode }));
  const disconnected = new Promise<void>((resolve) =>
    model.client.addEventListener("disconnect", () => resolve())
  );
  for (let n = 0; n < EVENTS; n++) model.raise();
  const outcomes = await model.outcomes();
  if (syncMode) {
    const expected = Array.from(
      { length: EVENTS },
      (_, n) =>
        n < whole ? "delivered" : "ConnectionClosedError, may have arrived",
    );
    assertEquals(outcomes, expected, name);
  } else if (after > 0) {
    // The operating system had taken all in one write.
    assertEquals(outcomes, Array(EVENTS).fill("delivered"), name);
  }
  await model.inTime(disconnected, "the client sees the cut");
  await model.nextWorks(server);
  await model.check(server, { mayBeCut: true });
  await model.inTime(proxy.idle(), "the proxy sees the connections closed");
  assertEquals(proxy.accepted, 2, name);
  if (direction === "there" && by === "FIN") {
    const { texts, rest } = server.conversations[0];
    assertEquals(texts.length, whole, name);
    assertEquals(rest !== "", after % (LENGTH.there(syncMode) / EVENTS) > 0);
  }
}

// Pieces, delays and stalls.

/** A connection whose every read and write is of one byte. */
const connectByteByByte: Connect = async (host, port, options) => {
  const connection = await connectDeno(host, port, options);
  return {
    read: (buffer) => connection.read(buffer.subarray(0, 1)),
    write: (bytes) => connection.write(bytes.subarray(0, 1)),
    closeWrite: () => connection.closeWrite(),
    close: () => connection.close(),
  };
};

let pieces = 0;
const PIECES: {
  name: string;
  plan: Plan;
  connect?: Connect;
  events: number;
}[] = [
  {
    name: "reads and writes of 1 byte",
    plan: {},
    connect: connectByteByByte,
    events: 200,
  },
  {
    name: "a network that carries 1 byte at a time",
    plan: { pieceBytes: 1 },
    events: 100,
  },
  {
    name: "a delay before each byte",
    plan: { pieceBytes: 1, delayMs: () => 1 },
    events: 3,
  },
  {
    name: "a delay before each piece",
    plan: { pieceBytes: 100, delayMs: () => 2 },
    events: 20,
  },
  {
    name: "delays that come and go",
    plan: { pieceBytes: 7, delayMs: () => ++pieces % 9 > 0 ? 0 : 3 },
    events: 5,
  },
];

for (const { name, plan, connect, events } of PIECES) {
  for (const syncMode of [false, true]) {
    const mode = syncMode ? "requests" : "notifications";
    Deno.test(`EventClient survives ${name}, with ${mode}`, async () => {
      await using server = record({ answersAll: true });
      await using proxy = await standBefore(server.port, () => plan);
      const model = new Model(name, proxy.socket, { syncMode, connect });
      for (let n = 0; n < events; n++) model.raise();
      const outcomes = await model.outcomes();
      assertEquals(outcomes, Array(events).fill("delivered"), name);
      await model.nextWorks(server);
      await model.check(server);
      assertEquals(server.conversations[0].texts.length, events + 1, name);
      assertEquals(server.accepted, 1, name);
    });
  }
}

/** More than the operating system holds, so that a write takes long. */
const LARGE = 8 * 1024 * 1024;

const STALLS: {
  name: string;
  direction: Direction;
  /** Where: in the middle of a message. */
  after: number;
  syncMode: boolean;
  padding?: number;
  /** What comes of the event if the stall is longer than the time-out. */
  whenLonger: string;
}[] = [
  {
    name: "a request",
    direction: "there",
    after: 40,
    syncMode: true,
    whenLonger: "DeliveryTimeoutError, may have arrived",
  },
  {
    name: "its reply",
    direction: "back",
    after: 20,
    syncMode: true,
    whenLonger: "DeliveryTimeoutError, may have arrived",
  },
  {
    name: "a request that is still written",
    direction: "there",
    after: 40,
    syncMode: true,
    padding: LARGE,
    whenLonger: "DeliveryTimeoutError, may have arrived",
  },
  {
    name: "a notification",
    direction: "there",
    after: 40,
    syncMode: false,
    whenLonger: "delivered", // the operating system has it
  },
  {
    name: "a notification that is still written",
    direction: "there",
    after: 40,
    syncMode: false,
    padding: LARGE,
    whenLonger: "DeliveryTimeoutError, may have arrived",
  },
];

for (
  const { name, direction, after, syncMode, padding, whenLonger } of STALLS
) {
  for (const length of ["shorter", "longer"] as const) {
    Deno.test(`EventClient survives a stall in the middle of ${name}, ${length} than the time-out`, async () => {
      const stalled = gate(), goesOn = gate();
      await using server = record();
      await using proxy = await standBefore(server.port, () => ({
        stall: {
          direction,
          after,
          until() {
            stalled.open();
            return goesOn.opened;
          },
        },
      }));
      const model = new Model(name, proxy.socket, {
        syncMode,
        maxQueueBytes: 2 * LARGE,
      });
      const timeoutMs = length === "longer" ? 500 : PATIENT_MS;
      const outcome = model.raise({ timeoutMs }, "x".repeat(padding ?? 0));
      await model.inTime(stalled.opened, "the stall begins");
      if (length === "longer") {
        assertEquals(await model.inTime(outcome, "it settles"), whenLonger);
        goesOn.open();
      } else {
        goesOn.open();
        assertEquals(await model.inTime(outcome, "it settles"), "delivered");
      }
      await model.nextWorks(server);
      await model.check(server);
      // What had begun was finished, and the connection went on.
      assertEquals(server.conversations[0].texts.length, 2);
      assertEquals(server.accepted, 1);
    });
  }
}
