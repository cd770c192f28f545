import { assertEquals } from "@std/assert";
import { ServerError } from "../../mod.ts";
import { DIALECTS } from "../../src/opensips/address.ts";
import type { MiSubscriber } from "../../src/opensips/mod.ts";
import {
  type Ask,
  type Change,
  type Heard,
  type LifeOptions,
  SubscriptionLife,
} from "../../src/opensips/subscription_life.ts";

const ADDRESS = "10.0.0.9:8080";
const refused = (code = 400): Heard => ({
  kind: "refused",
  error: new ServerError(code, code === 400 ? "Bad parameter value" : "No"),
});
const FAILED: Heard = { kind: "failed", error: new Error("refused") };

/** An OpenSIPS in a few lines, and a clock. */
class World {
  now = 1000;
  events = ["E_CORE", "E_A", "E_B"];
  /** What is subscribed: `event socket`, and for how long, from when. */
  readonly subscriptions = new Map<string, { expire: number; since: number }>();
  dialects = ["tcp"];
  isUp = true;
  /** How long a request takes. */
  delay = 10;
  readonly life: SubscriptionLife;
  /** What was asked, as texts; lists are left out. */
  asked: string[] = [];
  changes: Change[] = [];

  constructor(options: Partial<LifeOptions> = {}) {
    this.life = new SubscriptionLife({
      events: ["E_A"],
      address: ADDRESS,
      dialects: DIALECTS,
      expire: 100,
      checkMs: 10_000,
      ...options,
    });
  }

  /** Runs until it has to wait; gives the time until which it waits. */
  run(): number | undefined {
    for (;;) {
      const todo = this.life.next(this.now);
      if (typeof todo !== "object") return todo;
      this.now += this.delay;
      const heard = this.respond(todo);
      this.changes.push(...this.life.heard(heard, this.now));
    }
  }

  /** Lets time pass, and does what falls due in it. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (let due = this.run(); due !== undefined && due <= end;) {
      this.now = due;
      due = this.run();
    }
    this.now = Math.max(this.now, end);
  }

  respond(ask: Ask): Heard {
    if (ask.kind === "subscribe") {
      this.asked.push(`${ask.event} ${ask.socket} ${ask.expire}`);
    }
    if (!this.isUp) return FAILED;
    this.#clean();
    switch (ask.kind) {
      case "address":
        return { kind: "address", address: ADDRESS };
      case "events":
        return { kind: "events", names: this.events };
      case "subscribers":
        return {
          kind: "subscribers",
          list: Array.from(
            this.subscriptions,
            ([key, { expire }]): MiSubscriber => {
              const [event, socket] = key.split(" ");
              return { event, socket, expire, ttl: undefined };
            },
          ),
        };
      case "subscribe": {
        const isFine = this.events.includes(ask.event) &&
          this.dialects.includes(ask.socket.split(":")[0]);
        if (!isFine) return refused();
        this.subscriptions.set(`${ask.event} ${ask.socket}`, {
          expire: ask.expire,
          since: this.now,
        });
        this.#clean();
        return { kind: "subscribed" };
      }
    }
  }

  #clean(): void {
    for (const [key, { expire, since }] of this.subscriptions) {
      if (this.now >= since + 1000 * expire) this.subscriptions.delete(key);
    }
  }

  /** What was asked, and what has changed, since this was called last. */
  take(): { asked: string[]; kinds: string[]; changes: Change[] } {
    const { asked, changes } = this;
    this.asked = [];
    this.changes = [];
    return { asked, changes, kinds: changes.map(({ kind }) => kind) };
  }
}

Deno.test("SubscriptionLife subscribes, and renews when half of the time is over", () => {
  const world = new World();
  assertEquals(world.run(), 11_030, "the next check");
  assertEquals(world.take(), {
    asked: [`E_A tcp:${ADDRESS} 100`],
    kinds: ["subscribed"],
    changes: [{
      kind: "subscribed",
      event: "E_A",
      socket: `tcp:${ADDRESS}`,
    }],
  });
  assertEquals(world.life.hasChecked, true);
  world.pass(49_000);
  assertEquals(world.take().asked, []);
  world.pass(2_000);
  const { asked, kinds } = world.take();
  assertEquals(asked, [`E_A tcp:${ADDRESS} 100`]);
  assertEquals(kinds, [], "a renewal changes nothing");
  world.pass(1_000_000);
  assertEquals(world.take().kinds, [], "it never expires");
});

Deno.test("SubscriptionLife renews in time though it checks rarely", () => {
  const world = new World({ expire: 2, checkMs: 1_000_000 });
  world.pass(10_000);
  assertEquals(world.take().kinds, ["subscribed"]);
  assertEquals(world.subscriptions.size, 1);
});

Deno.test("SubscriptionLife finds that OpenSIPS was restarted, and since when events were missed", () => {
  const world = new World({ events: ["E_A", "E_B"] });
  world.pass(15_000); // the check at 11,040 saw both
  world.take();
  world.subscriptions.clear();
  world.pass(10_000);
  const { asked, changes } = world.take();
  assertEquals(asked.length, 2);
  const [lost, a, b] = changes;
  const from = 11_050; // when the last list was asked for that had them
  assertEquals(lost, { kind: "lost", events: ["E_A", "E_B"], from });
  const again = { kind: "subscribed" as const, socket: `tcp:${ADDRESS}` };
  const [untilA, untilB] = [21_090, 21_100];
  assertEquals(a, { ...again, event: "E_A", missed: { from, until: untilA } });
  assertEquals(b, { ...again, event: "E_B", missed: { from, until: untilB } });
});

Deno.test("SubscriptionLife subscribes anew what somebody ended, and nothing else", () => {
  const world = new World({ events: ["E_A", "E_B"] });
  world.pass(5_000);
  world.take();
  world.subscriptions.delete(`E_B tcp:${ADDRESS}`);
  world.pass(10_000);
  const { asked, kinds } = world.take();
  assertEquals(asked, [`E_B tcp:${ADDRESS} 100`]);
  assertEquals(kinds, ["lost", "subscribed"]);
});

Deno.test("SubscriptionLife renews what somebody subscribed for a shorter time", () => {
  const world = new World();
  world.pass(5_000);
  world.take();
  world.subscriptions.set(`E_A tcp:${ADDRESS}`, {
    expire: 30,
    since: world.now,
  });
  world.pass(10_000);
  const { asked, kinds } = world.take();
  assertEquals([asked.length, kinds.length], [1, 0]);
});

Deno.test("SubscriptionLife waits longer and longer for one that does not respond", () => {
  const world = new World();
  world.isUp = false;
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    const until = world.run()!;
    waits.push(until - world.now);
    world.now = until;
  }
  assertEquals(waits, [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  assertEquals(world.take().changes.map(({ kind }) => kind), ["unreachable"]);
  assertEquals(world.life.hasChecked, false);
  world.isUp = true;
  world.run();
  const { changes, kinds } = world.take();
  assertEquals(kinds, ["reachable", "subscribed"]);
  assertEquals(
    (changes[0] as { downMs: number }).downMs,
    waits.reduce((a, b) => a + b) + 80, // and eight requests
  );
});

Deno.test("SubscriptionLife tells what was missed while OpenSIPS was down", () => {
  const world = new World();
  world.pass(5_000);
  world.take();
  world.isUp = false;
  world.subscriptions.clear();
  world.pass(3_600_000);
  assertEquals(world.take().kinds, ["unreachable"]);
  world.isUp = true;
  world.pass(20_000);
  const { changes, kinds } = world.take();
  assertEquals(kinds, ["reachable", "lost", "subscribed"]);
  const { missed } = changes[2] as { missed: { from: number; until: number } };
  assertEquals(missed.from, 1020);
  assertEquals(missed.until > 3_600_000, true);
});

Deno.test("SubscriptionLife says nothing of loss when OpenSIPS only did not respond", () => {
  const world = new World();
  world.pass(5_000);
  world.isUp = false;
  world.pass(20_000);
  world.isUp = true;
  world.take();
  world.pass(20_000);
  assertEquals(world.take().kinds, ["reachable"]);
});

Deno.test("SubscriptionLife finds out the dialect, and starts with it next time", () => {
  const world = new World({ events: ["E_A", "E_B"] });
  world.dialects = ["jsonrpc"];
  world.run();
  assertEquals(world.take().asked, [
    `E_A tcp:${ADDRESS} 100`,
    `E_A jsonrpc:${ADDRESS} 100`,
    `E_B jsonrpc:${ADDRESS} 100`,
  ]);
  world.subscriptions.clear();
  world.pass(20_000);
  assertEquals(world.take().asked, [
    `E_A jsonrpc:${ADDRESS} 100`,
    `E_B jsonrpc:${ADDRESS} 100`,
  ]);
});

Deno.test("SubscriptionLife tries the dialects anew after an upgrade of OpenSIPS", () => {
  const world = new World();
  world.dialects = ["jsonrpc"];
  world.pass(5_000);
  world.take();
  world.dialects = ["tcp"];
  world.subscriptions.clear();
  world.pass(10_000);
  const { asked, kinds } = world.take();
  assertEquals(asked, [
    `E_A jsonrpc:${ADDRESS} 100`,
    `E_A tcp:${ADDRESS} 100`,
  ]);
  assertEquals(kinds, ["lost", "subscribed"]);
});

Deno.test("SubscriptionLife says why OpenSIPS refuses, once, and goes on asking", () => {
  const world = new World({ events: ["E_AA", "E_Z_*", "E_B"] });
  world.dialects = [];
  world.run();
  const { changes } = world.take();
  assertEquals(changes.map((c) => c.kind === "refused" && c.reason), [
    `the event "E_AA" is not published, did you mean "E_A"?; published are E_CORE, E_A, E_B`,
    `no event is called "E_Z_*"; published are E_CORE, E_A, E_B`,
    `OpenSIPS takes neither "tcp:${ADDRESS}" nor "jsonrpc:${ADDRESS}": it has loaded ` +
    `neither event_stream (3.1 and later) nor event_jsonrpc (up to 3.0), or ` +
    `cannot resolve the host to an IPv4 address`,
  ]);
  assertEquals([...world.life.refusals.keys()], ["E_AA", "E_Z_*", "E_B"]);
  world.pass(60_000);
  assertEquals(world.take().kinds, []);
  world.dialects = ["tcp"];
  world.events.push("E_AA", "E_Z_1");
  world.pass(10_000);
  assertEquals(world.take().kinds, ["subscribed", "subscribed", "subscribed"]);
  assertEquals(world.life.refusals.size, 0);
});

Deno.test("SubscriptionLife does not try the other dialect when the error is another", () => {
  const world = new World();
  world.respond = (ask) =>
    ask.kind === "subscribe"
      ? (world.asked.push(ask.socket), refused(403))
      : World.prototype.respond.call(world, ask);
  world.run();
  const { asked, changes } = world.take();
  assertEquals(asked, [`tcp:${ADDRESS}`]);
  assertEquals(
    changes.map((c) => c.kind === "refused" && c.reason),
    ["OpenSIPS responds with error 403: No"],
  );
});

Deno.test("SubscriptionLife follows a pattern as events come and go", () => {
  const world = new World({ events: ["E_*"] });
  world.events = ["E_A", "X"];
  world.run();
  assertEquals(world.take().asked, [`E_A tcp:${ADDRESS} 100`]);
  world.events = ["E_A", "E_B"];
  world.pass(10_000);
  assertEquals(world.take().asked, [`E_B tcp:${ADDRESS} 100`]);
  world.events = ["E_A"]; // a restart, without the module of the other
  world.subscriptions.clear();
  world.pass(10_000);
  const { asked, kinds } = world.take();
  assertEquals(asked, [`E_A tcp:${ADDRESS} 100`]);
  assertEquals(kinds, ["lost", "subscribed"]);
  world.pass(60_000);
  assertEquals(world.take().kinds, [], "what is not there is not lost again");
  world.events = ["E_A", "E_B"];
  world.pass(10_000);
  const { changes } = world.take();
  assertEquals(changes.map((c) => "missed" in c), [true]);
});

Deno.test("SubscriptionLife asks for the address until it has it", () => {
  const world = new World({ address: undefined });
  world.isUp = false;
  world.pass(5_000);
  assertEquals(world.take().kinds, ["unreachable"]);
  world.isUp = true;
  world.pass(10_000);
  assertEquals(world.take().asked, [`E_A tcp:${ADDRESS} 100`]);
});

Deno.test("SubscriptionLife ends what may be subscribed", () => {
  const world = new World({ events: ["E_A", "E_B", "E_NO"] });
  world.pass(5_000);
  world.take();
  world.life.end();
  world.life.end();
  assertEquals(world.run(), undefined);
  assertEquals(world.take().asked, [
    `E_A tcp:${ADDRESS} 0`,
    `E_B tcp:${ADDRESS} 0`,
  ]);
  assertEquals(world.subscriptions.size, 0);
});

Deno.test("SubscriptionLife ends a subscription of which it heard nothing", () => {
  const world = new World();
  for (;;) { // until the subscription is asked for
    const ask = world.life.next(world.now) as Ask;
    if (ask.kind === "subscribe") break;
    world.life.heard(world.respond(ask), world.now);
  }
  world.life.end();
  assertEquals(world.run(), undefined);
  assertEquals(world.take().asked, [`E_A tcp:${ADDRESS} 0`]);
});

Deno.test("SubscriptionLife ends at once when nothing was asked for, or nobody responds", () => {
  const early = new World();
  early.life.end();
  assertEquals(early.life.next(0), undefined);

  const world = new World({ events: ["E_A", "E_B"] });
  world.pass(5_000);
  world.take();
  world.isUp = false;
  world.life.end();
  assertEquals(world.run(), undefined);
  assertEquals(world.take().asked.length, 1, "the others expire");
});

Deno.test("SubscriptionLife takes one that is over and still listed for lost", () => {
  const world = new World();
  world.pass(5_000);
  world.take();
  world.respond = (ask) =>
    ask.kind !== "subscribers" ? World.prototype.respond.call(world, ask) : {
      kind: "subscribers",
      list: [{ event: "E_A", socket: `tcp:${ADDRESS}`, expire: 100, ttl: 0 }],
    };
  world.pass(10_000);
  assertEquals(world.take().kinds, ["lost", "subscribed"]);
});

Deno.test("SubscriptionLife does not end what OpenSIPS never took", () => {
  const world = new World({ events: ["E_A", "E_B"] });
  world.respond = (ask) =>
    ask.kind === "subscribe" && ask.event === "E_B"
      ? (world.asked.push(`${ask.event} ${ask.expire}`), refused(403))
      : World.prototype.respond.call(world, ask);
  world.pass(5_000);
  world.take();
  world.life.end();
  world.run();
  assertEquals(world.take().asked, [`E_A tcp:${ADDRESS} 0`]);
});
