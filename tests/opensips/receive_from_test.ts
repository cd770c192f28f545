import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { EventClient, type NamedParams } from "../../mod.ts";
import {
  type OpenSipsEvents,
  receiveFrom,
  SubscribeError,
} from "../../src/opensips/mod.ts";
import { FakeOpenSips } from "./fake_opensips.ts";

/** Tells all subscribers of an event, as the OpenSIPS would. */
async function raise(
  fake: FakeOpenSips,
  event: string,
  params: NamedParams | Record<string, unknown>,
): Promise<void> {
  for (const socket of fake.subscribers(event)) {
    await using client = new EventClient(socket);
    await client.raise(event, params);
  }
}

for (const version of ["3.0", "4.0"] as const) {
  Deno.test(`receiveFrom() gets the events of an OpenSIPS ${version}, also after a restart`, async () => {
    await using fake = new FakeOpenSips(version, ["E_PIKE_BLOCKED"]);
    let arrived = Promise.withResolvers<unknown>();
    await using receiver = receiveFrom(
      fake.url,
      { E_PIKE_BLOCKED: ({ params }) => arrived.resolve(params.ip) },
      { listen: { port: 0 }, checkMs: 20 },
    );
    await receiver.ready;
    await raise(fake, "E_PIKE_BLOCKED", { ip: "192.168.2.11" });
    assertEquals(await arrived.promise, "192.168.2.11");

    const again = new Promise((resolve) =>
      receiver.subscription.addEventListener("subscribed", resolve)
    );
    await fake.restart();
    await again;
    arrived = Promise.withResolvers();
    await raise(fake, "E_PIKE_BLOCKED", { ip: "::1" });
    assertEquals(await arrived.promise, "::1");
    await receiver.close();
    assertEquals(fake.subscribers("E_PIKE_BLOCKED"), []);
    await receiver.server.finished;
  });
}

Deno.test("receiveFrom() takes own events by type, and one handler for all", async () => {
  await using fake = new FakeOpenSips("4.0", ["E_UL_AOR_INSERT", "E_CALL"]);
  const got: unknown[] = [];
  const both = Promise.withResolvers<void>();
  await using typed = receiveFrom<
    OpenSipsEvents & { E_CALL: { from: string } }
  >(fake.url, {
    E_CALL: ({ params }) => {
      got.push(params.from.toUpperCase());
    },
    E_UL_AOR_INSERT: ({ params }) => {
      got.push([params.aor, params.domain]);
      both.resolve();
    },
  }, { listen: { port: 0 } });
  await typed.ready;
  await raise(fake, "E_CALL", { from: "alice" });
  await raise(fake, "E_UL_AOR_INSERT", { domain: null, aor: "bob" });
  await both.promise;
  assertEquals(got, ["ALICE", ["bob", null]]);

  const methods = Promise.withResolvers<string>();
  await using all = receiveFrom(
    fake.url,
    ({ method }) => methods.resolve(method),
    { events: "E_U*", listen: { port: 0 } },
  );
  await all.ready;
  await raise(fake, "E_UL_AOR_INSERT", { aor: "carol" });
  assertEquals(await methods.promise, "E_UL_AOR_INSERT");
});

Deno.test("receiveFrom() tells what OpenSIPS refuses", async () => {
  await using fake = new FakeOpenSips("4.0");
  await using receiver = receiveFrom(
    fake.url,
    { E_PIKE_BLOCKED: () => {} },
    { listen: { port: 0 } },
  );
  await assertRejects(
    () => receiver.ready,
    SubscribeError,
    `the event "E_PIKE_BLOCKED" is not published`,
  );
});

Deno.test("receiveFrom() subscribes the address that is given", async () => {
  await using fake = new FakeOpenSips("4.0");
  const cases = [
    ["localhost:9", "tcp:localhost:9"],
    ["app.example", "tcp:app.example:"],
  ];
  for (const [advertise, socket] of cases) {
    await using receiver = receiveFrom<{ E_X: { a: string } }>(
      fake.url,
      { E_X: () => {} },
      { listen: { port: 0 }, advertise },
    );
    await receiver.ready;
    const { port } = receiver.server.addr;
    assertEquals(
      fake.subscribers("E_X"),
      [socket.endsWith(":") ? `${socket}${port}` : socket],
    );
  }
});

Deno.test("receiveFrom() refuses a loopback listener for a remote OpenSIPS, and stops listening", () => {
  const listen = (hostname: string) => ({ hostname, port: 0 });
  for (const hostname of ["127.0.0.1", "localhost"]) {
    const error = assertThrows(
      () =>
        receiveFrom<{ E_X: object }>(
          "http://192.0.2.1:8888/mi",
          { E_X: () => {} },
          { listen: listen(hostname) },
        ),
      RangeError,
      "which only this machine reaches",
    );
    assert(error.message.includes(`Cannot receive from "192.0.2.1:8888"`));
  }
  assertThrows(
    () =>
      receiveFrom("http://h/mi", {}, { listen: { port: 0 }, advertise: "h" }),
    TypeError,
    "expected events",
  );
});

Deno.test("receiveFrom() stops when its signal is aborted", async () => {
  await using fake = new FakeOpenSips("4.0");
  const controller = new AbortController();
  const receiver = receiveFrom<{ E_X: object }>(
    fake.url,
    { E_X: () => {} },
    { listen: { port: 0 }, signal: controller.signal },
  );
  await receiver.ready;
  controller.abort();
  await receiver.server.finished;
  await receiver.close();
  assertEquals(fake.subscribers("E_X"), []);
});
