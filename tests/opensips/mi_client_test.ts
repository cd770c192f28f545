import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { JsonText, ServerError } from "../../mod.ts";
import { MiClient, MiError } from "../../src/opensips/mod.ts";
import { freePort } from "../helpers/tcp.ts";
import { FakeOpenSips } from "./fake_opensips.ts";

for (const version of ["3.0", "4.0"] as const) {
  const scheme = version === "3.0" ? "jsonrpc" : "tcp";
  const socket = `${scheme}:127.0.0.1:8080`;

  Deno.test(`MiClient asks an OpenSIPS ${version}`, async () => {
    await using fake = new FakeOpenSips(version, ["E_X"]);
    const mi = new MiClient(fake.url);
    assertEquals((await mi.events()).at(-1), {
      name: "E_X",
      id: fake.events.length - 1,
    });
    assertEquals(await mi.subscribers(), []);
    assertEquals(await mi.subscribers("E_X"), []);
    await mi.subscribe("E_X", socket, { expire: 60 });
    fake.pass(10);
    const subscriber = {
      event: "E_X",
      socket,
      expire: 60,
      ttl: version === "3.0" ? undefined : 50,
    };
    assertEquals(await mi.subscribers(), [subscriber]);
    assertEquals(await mi.subscribers("E_X"), [subscriber]);
    await mi.subscribe("E_X", socket);
    assertEquals(fake.subscriptions[0].expire, 3600);
    await mi.subscribe("E_X", socket, { expire: 0 });
    const [ended] = await mi.subscribers();
    assertEquals(ended.ttl, 0, "it is listed for a while");
    const ids = fake.calls.map(({ id }) => id);
    assertEquals(ids, ids.map((_, i) => i + 1));
  });

  Deno.test(`MiClient tells what an OpenSIPS ${version} refuses`, async () => {
    await using fake = new FakeOpenSips(version);
    const mi = new MiClient(fake.url);
    const unknown = await assertRejects(
      () => mi.subscribers("E_NO"),
      ServerError,
      "Event not published",
    );
    assertEquals([unknown.code, unknown.data], [404, undefined]);
    const invalid = await assertRejects(
      () => mi.call("event_subscribe", ["E_X", socket, -1]),
      ServerError,
      "Invalid params",
    );
    assertEquals([invalid.code, invalid.data], [
      -32602,
      "Negative expire value",
    ]);
    await assertRejects(
      () => mi.call("no_such"),
      ServerError,
      "Method not found",
    );
  });
}

Deno.test("MiClient raises events with params as 4.0 takes them", async () => {
  await using fake = new FakeOpenSips("4.0");
  const mi = new MiClient(fake.url);
  await mi.subscribe("E_X", "tcp:127.0.0.1:8080");
  await mi.raise("E_X");
  await mi.raise("E_X", { a: 1, b: "é" });
  await mi.raise("E_X", ["a", 1]);
  await mi.raise("E_X", new JsonText(`{"n":12345678901234567890}`));
  await mi.raise("E_X", new JsonText(`["a"]`));
  const raised = fake.calls.filter(({ method }) => method === "raise_event");
  assertEquals(raised.map(({ params }) => params), [
    { event: "E_X", params: "{}" },
    { event: "E_X", params: `{"a":1,"b":"é"}` },
    { event: "E_X", params: ["a", 1] },
    { event: "E_X", params: `{"n":12345678901234567890}` },
    { event: "E_X", params: ["a"] },
  ]);
  await assertRejects(
    () => mi.raise("E_Y"),
    ServerError,
    "Temporarily Unavailable",
  );
});

Deno.test("MiClient sends params of a command as they are", async () => {
  let body = "";
  const mi = new MiClient("http://h/mi", {
    fetch: async (request) => {
      body = await request.text();
      return Response.json({ jsonrpc: "2.0", id: 1, result: [null, { a: 1 }] });
    },
  });
  const params = new JsonText(`{"n":1e400}`);
  assertEquals(await mi.call("x:y", params), [null, { a: 1 }]);
  assertEquals(
    body,
    `{"jsonrpc":"2.0","id":1,"method":"x:y","params":{"n":1e400}}`,
  );
});

Deno.test("MiClient sends headers, and by a fetch of the caller's", async () => {
  const requests: Request[] = [];
  const mi = new MiClient(new URL("https://h:8888/mi"), {
    headers: { authorization: "Bearer x", "content-type": "text/plain" },
    fetch: (request) => {
      requests.push(request);
      return Promise.resolve(
        Response.json({ jsonrpc: "2.0", id: 1, result: { Events: [] } }),
      );
    },
  });
  assertEquals(await mi.events(), []);
  const [{ url, method, headers }] = requests;
  assertEquals([url, method], ["https://h:8888/mi", "POST"]);
  assertEquals(headers.get("authorization"), "Bearer x");
  assertEquals(headers.get("content-type"), "application/json");
});

Deno.test("MiClient rejects when there is no OpenSIPS", async () => {
  const url = `http://127.0.0.1:${freePort()}/mi`;
  const error = await assertRejects(
    () => new MiClient(url).events(),
    MiError,
    `Cannot ask ${url}: `,
  );
  assert(error.cause instanceof Error);
  assert(/refused/i.test(error.message), error.message);
  assertEquals(error.status, undefined);
});

Deno.test("MiClient rejects what is no response of JSON-RPC", async () => {
  const wrong: [response: Response, message: string][] = [
    [
      new Response("<html><body>Unable to parse URL!</body></html>", {
        status: 400,
      }),
      `found "<html><body>Unable to parse URL!</body></html>" with the status 400`,
    ],
    [new Response(null, { status: 202 }), `found "" with the status 202`],
    [Response.json([]), 'found "[]"'],
    [Response.json({ id: 2, result: 1 }), `"{\\"id\\":2`],
    [Response.json({ id: 1 }), "neither result nor error"],
    [Response.json({ id: 1, result: "OK" }), `it has no "Events"`],
    [Response.json({ id: 1, result: { Events: [1] } }), `it has no "Events"`],
  ];
  for (const [response, message] of wrong) {
    const mi = new MiClient("http://h/mi", {
      fetch: () => Promise.resolve(response),
    });
    await assertRejects(() => mi.events(), MiError, message);
  }
});

Deno.test("MiClient reads no response without end", async () => {
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
    cancel: () => void (isCancelled = true),
  });
  const mi = new MiClient("http://h/mi", {
    fetch: () => Promise.resolve(new Response(endless as ReadableStream)),
  });
  await assertRejects(() => mi.events(), MiError, "more than 16777216 bytes");
  assertEquals(isCancelled, true);
});

Deno.test("MiClient gives a request up after timeoutMs, or when its signal is aborted", async () => {
  await using fake = new FakeOpenSips("4.0");
  fake.isHanging = true;
  const timeout = await assertRejects(
    () => new MiClient(fake.url, { timeoutMs: 20 }).events(),
    DOMException,
    "no response after 20 ms",
  );
  assertEquals(timeout.name, "TimeoutError");
  const mi = new MiClient(fake.url);
  const controller = new AbortController();
  const reason = new Error("enough");
  const asking = mi.events({ signal: controller.signal });
  controller.abort(reason);
  assertEquals(await assertRejects(() => asking, Error), reason);
  const late = mi.events({ signal: controller.signal });
  assertEquals(await assertRejects(() => late, Error), reason);
});

Deno.test("MiClient refuses wrong options", async () => {
  const create = (url: string, options: object = {}) => () =>
    new MiClient(url, options);
  assertThrows(create("127.0.0.1:8888/mi"), TypeError, "expected one of HTTP");
  assertThrows(create("ftp://h/mi"), TypeError, "ftp://h/mi");
  assertThrows(create("http://h", { timeoutMs: 0 }), RangeError, "timeoutMs 0");
  assertThrows(create("http://h", { fetch: 1 }), TypeError, "fetch 1");
  const mi = new MiClient("http://h");
  for (const expire of [-1, 1.5, 2 ** 31]) {
    await assertRejects(
      () => mi.subscribe("E_X", "tcp:h:1", { expire }),
      RangeError,
      `expire ${expire}`,
    );
  }
});
