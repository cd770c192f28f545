import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { formatAddress } from "../../src/protocol/socket.ts";
import { connectDeno } from "../../mod.ts";
import { listen } from "../../src/transport/listen.ts";
import { needsIpv6 } from "../helpers/tcp.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** Makes `Deno.listen` give a listener whose `accept` a test decides. */
function stubListen(accept: () => Promise<unknown>): Disposable {
  const { listen } = Deno;
  Deno.listen = (() => ({
    addr: { ...LOCAL, port: 8080 },
    accept,
    close() {},
  })) as unknown as typeof listen;
  return { [Symbol.dispose]: () => void (Deno.listen = listen) };
}

Deno.test("listen() accepts connections, which send at once", async () => {
  const set: [string, boolean][] = [];
  using _stub = stubListen(() =>
    Promise.resolve({
      remoteAddr: { hostname: "192.0.2.1", port: 5 },
      setNoDelay: (on: boolean) => set.push(["noDelay", on]),
      setKeepAlive: (on: boolean) => set.push(["keepAlive", on]),
    })
  );
  const { peer, handshake } = await listen(LOCAL).accept();
  assertEquals(peer, { hostname: "192.0.2.1", port: 5 });
  assertEquals(handshake, undefined);
  assertEquals(set, [["noDelay", true], ["keepAlive", true]]);
});

Deno.test("connectDeno() keeps connections alive, and sends at once", async () => {
  const set: [string, boolean][] = [];
  const { connect } = Deno;
  Deno.connect = (() =>
    Promise.resolve({
      setNoDelay: (on: boolean) => set.push(["noDelay", on]),
      setKeepAlive: (on: boolean) => set.push(["keepAlive", on]),
    })) as unknown as typeof connect;
  try {
    await connectDeno("192.0.2.1", 5, { signal: new AbortController().signal });
  } finally {
    Deno.connect = connect;
  }
  assertEquals(set, [["noDelay", true], ["keepAlive", true]]);
});

Deno.test("listen() closes a connection whose peer is gone already", async () => {
  let closed = 0, accepts = 0;
  using _stub = stubListen(() => {
    const isGone = ++accepts === 1;
    return Promise.resolve({
      remoteAddr: LOCAL,
      setNoDelay() {
        if (isGone) throw new Deno.errors.NotConnected();
      },
      close: () => closed++,
    });
  });
  await listen(LOCAL).accept();
  assertEquals([accepts, closed], [2, 1]);
});

Deno.test(
  needsIpv6("listen() gives the IPv4 address of an IPv4 peer at [::]"),
  async () => {
    const listener = listen({ hostname: "::", port: 0 });
    assertEquals(listener.addr.hostname, "::");
    for (const hostname of ["127.0.0.1", "::1"]) {
      const [ours, theirs] = await Promise.all([
        listener.accept(),
        Deno.connect({ hostname, port: listener.addr.port }),
      ]);
      const { port } = theirs.localAddr as Deno.NetAddr;
      assertEquals(ours.peer, { hostname, port });
      ours.connection.close();
      theirs.close();
    }
    listener.close();
    await assertRejects(() => listener.accept(), Error);
  },
);

Deno.test("listen() names the address that is in use", () => {
  const listener = listen(LOCAL);
  const { addr } = listener;
  const error = assertThrows(
    () => listen(addr),
    Deno.errors.AddrInUse,
    `Cannot listen at 127.0.0.1:${addr.port}: Address already in use`,
  );
  assert(error.cause instanceof Deno.errors.AddrInUse);
  listener.close();
});

Deno.test("listen() names an address that is not here", () => {
  assertThrows(
    () => listen({ hostname: "192.0.2.1", port: 80 }),
    Deno.errors.AddrNotAvailable,
    "Cannot listen at 192.0.2.1:80: Cannot assign requested address",
  );
  assertThrows(
    () => listen({ hostname: "nobody.invalid", port: 80 }),
    Error,
    "Cannot listen at nobody.invalid:80: failed to lookup",
  );
});

Deno.test({
  name: "listen() names the address that there is no permission for",
  permissions: { net: ["127.0.0.1:1234"] },
  fn() {
    for (const hostname of ["127.0.0.1", "::1"]) {
      const at = formatAddress({ hostname, port: 8080 });
      assertThrows(
        () => listen({ hostname, port: 8080 }),
        Deno.errors.NotCapable,
        `Cannot listen at ${at}: Requires net access to "${at}"`,
      );
    }
  },
});

Deno.test("listen() names the address that the system does not permit", () => {
  const { listen: real } = Deno;
  Deno.listen = () => {
    throw new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  };
  try {
    assertThrows(
      () => listen({ hostname: "0.0.0.0", port: 80 }),
      Deno.errors.PermissionDenied,
      "Cannot listen at 0.0.0.0:80: Permission denied (os error 13)",
    );
  } finally {
    Deno.listen = real;
  }
});
