import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SocketSyntaxError } from "../../mod.ts";
import { addressFor } from "../../src/opensips/advertise.ts";
import { MiError } from "../../src/opensips/mod.ts";
import { freePort } from "../helpers/tcp.ts";

const LOCAL = "http://127.0.0.1:8888/mi", REMOTE = "http://192.0.2.1:8888/mi";

Deno.test("addressFor() finds the address by which OpenSIPS reaches a listener", () => {
  const cases: [url: string, hostname: string, address: string][] = [
    [LOCAL, "127.0.0.1", "127.0.0.1:8080"],
    [LOCAL, "0.0.0.0", "127.0.0.1:8080"],
    [LOCAL, "::", "127.0.0.1:8080"],
    [LOCAL, "localhost", "127.0.0.1:8080"],
    ["http://localhost:8888/mi", "0.0.0.0", "127.0.0.1:8080"],
    ["http://[::1]:8888/mi", "0.0.0.0", "127.0.0.1:8080"],
    [LOCAL, "192.0.2.7", "192.0.2.7:8080"],
    [REMOTE, "192.0.2.7", "192.0.2.7:8080"],
  ];
  for (const [url, hostname, address] of cases) {
    const found = addressFor(new URL(url), { hostname, port: 8080 }, undefined);
    assertEquals(found, address, `${url} ${hostname}`);
  }
});

Deno.test("addressFor() takes the address that is given, with or without a port", () => {
  const listener = { hostname: "127.0.0.1", port: 8080 };
  const cases = [
    ["192.0.2.7", "192.0.2.7:8080"],
    ["192.0.2.7:9", "192.0.2.7:9"],
    ["app.example", "app.example:8080"],
  ];
  for (const [advertise, address] of cases) {
    assertEquals(addressFor(new URL(REMOTE), listener, advertise), address);
  }
  const give = (advertise: string) => () =>
    addressFor(new URL(REMOTE), listener, advertise);
  assertThrows(give("a b"), SocketSyntaxError);
  assertThrows(give("h/m"), SocketSyntaxError);
  assertThrows(give("[::1]"), RangeError, "IPv4");
});

Deno.test("addressFor() refuses a listener that OpenSIPS cannot reach", () => {
  const cases = [
    [REMOTE, "127.0.0.1", "only this machine reaches"],
    [REMOTE, "localhost", "only this machine reaches"],
    [REMOTE, "::1", "only this machine reaches"],
    [LOCAL, "::1", "IPv4 addresses only"],
    [REMOTE, "2001:db8::1", "IPv4 addresses only"],
  ];
  for (const [url, hostname, message] of cases) {
    assertThrows(
      () => addressFor(new URL(url), { hostname, port: 1 }, undefined),
      RangeError,
      message,
    );
  }
});

Deno.test("addressFor() asks the system for the address on the way to OpenSIPS", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  // A name, so that nobody knows yet that it is this machine.
  const name = `http://127.1.0.0.1.nip.invalid:${listener.addr.port}/mi`;
  const far = addressFor(
    new URL(name),
    { hostname: "0.0.0.0", port: 1 },
    undefined,
  );
  assert(typeof far === "function");
  await assertRejects(far, MiError, `Cannot ask ${name}: `); // it does not resolve

  const url = new URL(`http://127.0.0.1:${listener.addr.port}/mi`);
  Object.defineProperty(url, "hostname", { get: () => host });
  let host = "opensips.example";
  const near = addressFor(url, { hostname: "0.0.0.0", port: 8080 }, undefined);
  host = "127.0.0.1";
  assert(typeof near === "function");
  assertEquals(await near(), "127.0.0.1:8080");
});

Deno.test("addressFor() asks again when OpenSIPS is not up", async () => {
  const url = new URL(`http://127.0.0.1:${freePort()}/mi`);
  Object.defineProperty(url, "hostname", { get: () => host });
  let host = "opensips.example";
  const locate = addressFor(url, { hostname: "0.0.0.0", port: 1 }, undefined);
  host = "127.0.0.1";
  assert(typeof locate === "function");
  const { cause } = await assertRejects(
    locate,
    MiError,
    `Cannot ask ${url}: Connection refused`,
  );
  assert(cause instanceof Deno.errors.ConnectionRefused);
});
