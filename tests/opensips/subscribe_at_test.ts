import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SocketSyntaxError } from "../../mod.ts";
import {
  MiError,
  type OpenSipsSubscription,
  type OpenSipsSubscriptionEventMap,
  subscribeAt,
  SubscribeError,
} from "../../src/opensips/mod.ts";
import { freePort } from "../helpers/tcp.ts";
import { FakeOpenSips } from "./fake_opensips.ts";

const socket = "127.0.0.1:8080";

/** What a subscription tells next, of one kind. */
function next<K extends keyof OpenSipsSubscriptionEventMap>(
  subscription: OpenSipsSubscription,
  kind: K,
): Promise<OpenSipsSubscriptionEventMap[K]["detail"]> {
  return new Promise((resolve) =>
    subscription.addEventListener(
      kind,
      (event) => resolve((event as CustomEvent).detail),
      { once: true },
    )
  );
}

for (
  const [version, scheme] of [["3.0", "jsonrpc"], ["4.0", "tcp"]] as const
) {
  Deno.test(`subscribeAt() subscribes at an OpenSIPS ${version}, and ends it`, async () => {
    await using fake = new FakeOpenSips(version);
    {
      await using subscription = subscribeAt(fake.url, {
        events: ["E_X", "E_Y"],
        socket,
        expire: 60,
      });
      await subscription.ready;
      assertEquals(fake.subscribers("E_X"), [`${scheme}:${socket}`]);
      assertEquals(fake.subscribers("E_Y"), [`${scheme}:${socket}`]);
      assertEquals(fake.subscriptions[0].expire, 60);
      for (const { id, params, method } of fake.calls) {
        assert(typeof id === "number");
        if (method !== "event_subscribe") continue;
        const { expire } = params as Record<string, unknown>;
        assertEquals(typeof expire, "number");
      }
    }
    assertEquals(fake.subscribers("E_X"), []);
    assertEquals(fake.subscribers("E_Y"), []);
  });

  Deno.test(`subscribeAt() subscribes anew after a restart of OpenSIPS ${version}`, async () => {
    await using fake = new FakeOpenSips(version);
    await using subscription = subscribeAt(fake.url, {
      events: "E_*",
      socket: `jsonrpc:${socket}`,
      checkMs: 20,
    });
    const before = Date.now();
    await subscription.ready;
    const lost = next(subscription, "lost");
    const again = next(subscription, "subscribed");
    await fake.restart();
    assertEquals((await lost).events, fake.events);
    const { event, missed } = await again;
    assertEquals(event, fake.events[0]);
    const { from, until } = missed!;
    assertEquals(from, (await lost).from);
    assert(before - 100 <= from.getTime() && from <= until);
  });
}

Deno.test("subscribeAt() waits for an OpenSIPS that is not up yet", async () => {
  await using fake = new FakeOpenSips("4.0");
  await fake.stop();
  await using subscription = subscribeAt(fake.url, {
    events: "E_X",
    socket,
    checkMs: 20,
  });
  const reachable = next(subscription, "reachable");
  const { error, retryMs } = await next(subscription, "unreachable");
  assert(error instanceof MiError);
  assertEquals(retryMs, 20);
  fake.start();
  assert((await reachable).downMs > 0);
  await subscription.ready;
  assertEquals(fake.subscribers("E_X"), [`tcp:${socket}`]);
});

Deno.test("subscribeAt() finds that somebody ended a subscription", async () => {
  await using fake = new FakeOpenSips("4.0");
  await using subscription = subscribeAt(fake.url, {
    events: ["E_X", "E_Y"],
    socket,
    checkMs: 20,
  });
  await subscription.ready;
  const [lost, again] = [
    next(subscription, "lost"),
    next(subscription, "subscribed"),
  ];
  fake.subscriptions = fake.subscriptions.filter((s) => s.event === "E_X");
  assertEquals((await lost).events, ["E_Y"]);
  assertEquals((await again).event, "E_Y");
});

Deno.test("subscribeAt() keeps one subscription, however often it renews", async () => {
  await using fake = new FakeOpenSips("4.0");
  await using subscription = subscribeAt(fake.url, {
    events: "E_X",
    socket,
    expire: 2, // renewed after a second, on our clock
    checkMs: 20,
  });
  await subscription.ready;
  const renewed = fake.asked("event_subscribe", 2);
  fake.subscriptions[0].expire = 3; // so that it is renewed at once
  await fake.asked("subscribers_list");
  fake.subscriptions[0].expire = 3;
  await renewed;
  assertEquals(fake.subscriptions.length, 1);
});

Deno.test("subscribeAt() is not ready when OpenSIPS refuses, and keeps the rest", async () => {
  await using fake = new FakeOpenSips("4.0", ["E_X", "E_PIKE_BLOCKED"]);
  await using subscription = subscribeAt(fake.url, {
    events: ["E_PIKE_BLOKED", "E_X"],
    socket,
    checkMs: 20,
  });
  const { event, reason } = await next(subscription, "refused");
  assertEquals(event, "E_PIKE_BLOKED");
  const error = await assertRejects(() => subscription.ready, SubscribeError);
  assertEquals([...error.refusals], [[event, reason]]);
  assertEquals(error.message, `Cannot subscribe at ${fake.url}: ${reason}`);
  assert(reason.includes(`did you mean "E_PIKE_BLOCKED"?`), reason);
  assertEquals(fake.subscribers("E_X").length, 1);
  fake.events.push("E_PIKE_BLOKED"); // somebody publishes it after all
  assertEquals((await next(subscription, "subscribed")).event, event);
});

Deno.test("subscribeAt() ends when its signal is aborted", async () => {
  await using fake = new FakeOpenSips("4.0");
  const controller = new AbortController();
  const { signal } = controller;
  const subscription = subscribeAt(fake.url, { events: "E_X", socket, signal });
  await subscription.ready;
  controller.abort();
  await subscription.closed;
  assertEquals(fake.subscribers("E_X"), []);

  const reason = new Error("enough");
  const never = subscribeAt(fake.url, {
    events: "E_X",
    socket,
    signal: AbortSignal.abort(reason),
  });
  assertEquals(await assertRejects(() => never.ready, Error), reason);
  await never.closed;
  assertEquals(fake.subscribers("E_X"), []);
});

Deno.test("subscribeAt() can be closed at any time, and twice", async () => {
  await using fake = new FakeOpenSips("4.0");
  const options = { events: "E_X", socket };
  const early = subscribeAt(fake.url, options);
  const closing = early.close();
  await assertRejects(() => early.ready, DOMException, "it was closed");
  await closing;
  await early.close();
  for (const method of ["events_list", "subscribers_list", "event_subscribe"]) {
    const asked = fake.asked(method);
    const subscription = subscribeAt(fake.url, options);
    await asked;
    await subscription.close();
    assertEquals(fake.subscribers("E_X"), [], method);
  }
});

Deno.test("subscribeAt() is closed though OpenSIPS does not respond", async () => {
  await using fake = new FakeOpenSips("4.0");
  const subscription = subscribeAt(fake.url, {
    events: "E_X",
    socket,
    timeoutMs: 50,
    checkMs: 20,
  });
  await subscription.ready;
  fake.isHanging = true;
  await subscription.close();
  const gone = subscribeAt(`http://127.0.0.1:${freePort()}/mi`, {
    events: "E_X",
    socket,
  });
  await next(gone, "unreachable");
  await gone.close();
});

Deno.test("subscribeAt() goes on when a proxy before OpenSIPS fails", async () => {
  await using fake = new FakeOpenSips("4.0");
  fake.status = 502;
  await using subscription = subscribeAt(fake.url, {
    events: "E_X",
    socket,
    checkMs: 20,
  });
  const { error } = await next(subscription, "unreachable");
  assertEquals((error as MiError).status, 502);
  fake.status = 200;
  await subscription.ready;
});

Deno.test("subscribeAt() refuses sockets that OpenSIPS does not take", () => {
  const wrong: [socket: string, message: string][] = [
    ["tcp:h:1/m", "does not recognise a socket with a method again"],
    ["h:1/m", "does not recognise a socket with a method again"],
    ["jsonrpcs:h:1", "without TLS"],
    ["tcp:[::1]:1", "IPv4 addresses and names only"],
    ["0.0.0.0:8080", "no address that OpenSIPS can reach"],
  ];
  for (const [socket, message] of wrong) {
    assertThrows(
      () => subscribeAt("http://h/mi", { events: "E_X", socket }),
      RangeError,
      message,
    );
  }
  for (const socket of ["", "h", "udp:h:1", "virtual:PARALLEL tcp:h:1"]) {
    assertThrows(
      () => subscribeAt("http://h/mi", { events: "E_X", socket }),
      SocketSyntaxError,
    );
  }
});

Deno.test("subscribeAt() refuses wrong options", () => {
  const wrong: [options: object, message: string][] = [
    [{ expire: 0 }, "expire 0"],
    [{ expire: 1 }, "expire 1"],
    [{ expire: 2.5 }, "expire 2.5"],
    [{ checkMs: 0 }, "checkMs 0"],
    [{ checkMs: NaN }, "checkMs NaN"],
    [{ timeoutMs: -1 }, "timeoutMs -1"],
    [{ events: [] }, "expected events"],
    [{ events: "" }, "expected events"],
    [{ events: undefined }, "expected events"],
    [{ signal: 1 }, "signal 1"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(
      () => subscribeAt("http://h/mi", { events: "E_X", socket, ...options }),
      Error,
      message,
    );
  }
  assertThrows(
    () => subscribeAt("h:8888", { events: "E_X", socket }),
    TypeError,
    "expected one of HTTP",
  );
});
