// Events over TLS: real sockets, and certificates made on the spot.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  DeliveryTimeoutError,
  EventClient,
  type EventClientOptions,
  EventInterface,
  type EventServer,
  serveEvents,
  type ServeEventsOptions,
  type TlsOptions,
} from "../../mod.ts";
import { explainPeer, explainTls } from "../../src/transport/tls.ts";
import { type Certified, newAuthority } from "../helpers/certificates.ts";
import { run } from "../helpers/command.ts";
import { FakeTime } from "../helpers/fake_time.ts";
import { serveDemanding } from "../helpers/tls.ts";
import { freePort, gate, needsIpv6, send, serve } from "../helpers/tcp.ts";

const HOUR = 3_600_000;
const ago = (hours: number) => new Date(Date.now() - hours * HOUR);

const authority = await newAuthority("Test Authority");
const stranger = await newAuthority("Another Authority");
const local = await authority.certify({
  names: ["localhost", "127.0.0.1", "::1"],
});
const trust: TlsOptions = { caCerts: [authority.cert] };

/** A server that answers `true`, and forgets what is wrong with its peers. */
function serveTls(
  tls: Certified | undefined,
  options: ServeEventsOptions = {},
): EventServer {
  return serveEvents({ port: 0, tls, ...options }, () => true);
}

function clientOf(
  socket: string,
  tls: TlsOptions,
  options: EventClientOptions = {},
): EventClient {
  return new EventClient(socket, {
    syncMode: true,
    timeoutMs: 10_000,
    tls,
    ...options,
  });
}

/** The error of the first event that is raised to `socket`. */
async function refusalOf(
  socket: string,
  tls: TlsOptions,
  syncMode = true,
): Promise<ConnectError> {
  await using client = clientOf(socket, tls, { syncMode });
  const error = await assertRejects(() => client.raise("E"), ConnectError);
  assertEquals(error.mayHaveArrived, false);
  assertInstanceOf(error.cause, Error);
  assertEquals(client.stats.failed.connect, 1);
  return error;
}

for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
  const name = `EventClient and serveEvents() speak TLS at ${host}`;
  const ignorable = host === "[::1]" ? needsIpv6(name) : { name };
  Deno.test(ignorable, async () => {
    await using server = serveTls(local, {
      hostname: host.replace(/[[\]]/g, ""),
    });
    assert(server.socket.startsWith("jsonrpcs:"), server.socket);
    const socket = `jsonrpcs:${host}:${server.addr.port}/m`;
    await using client = clientOf(socket, trust);
    assertEquals(client.socket, socket);
    assertEquals(await client.raise("E", { a: 1 }), true);
    assertEquals(await client.raise("E", {}, { socket }), true);
    assertEquals(client.stats.connects, 1);
  });
}

const WRONG: [
  about: string,
  server: Certified,
  tls: TlsOptions,
  message: string,
][] = [
  [
    "a certificate for another name",
    await authority.certify({ names: ["as.example.com"] }),
    trust,
    `the server's certificate is not for "127.0.0.1" but for "as.example.com"; tls.serverName can name it`,
  ],
  [
    "a certificate for other addresses",
    await authority.certify({ names: ["10.0.0.1", "2001:db8::1"] }),
    trust,
    `the server's certificate is not for "127.0.0.1" but for `,
  ],
  [
    "a certificate for another name than tls.serverName",
    local,
    { ...trust, serverName: "as.example.com" },
    `the server's certificate is not for "as.example.com" but for "localhost", "127.0.0.1"`,
  ],
  [
    "a certificate for no name",
    await authority.certify(),
    trust,
    `the server's certificate is not for "127.0.0.1", nor for any other name; its names must stand in its subjectAltName`,
  ],
  [
    "an expired certificate",
    await authority.certify({
      names: ["127.0.0.1"],
      notBefore: ago(72),
      notAfter: ago(5.5),
    }),
    trust,
    "the server's certificate expired 5 hours ago; the server needs a new one",
  ],
  [
    "a certificate of tomorrow",
    await authority.certify({
      names: ["127.0.0.1"],
      notBefore: ago(-24.5),
      notAfter: ago(-48),
    }),
    trust,
    "the server's certificate is not valid yet for another 24 hours; is the clock right?",
  ],
  [
    "a certificate of an unknown authority",
    local,
    {},
    "the server's certificate comes from an authority that is not known here; tls.caCerts can hold the authority's certificate",
  ],
  [
    "a certificate of another authority",
    local,
    { caCerts: [stranger.cert] },
    "the server's certificate comes from an authority that is not known here; tls.caCerts can hold the authority's certificate",
  ],
];

for (const [about, certified, tls, message] of WRONG) {
  Deno.test(`EventClient refuses ${about}`, async () => {
    await using server = serveTls(certified);
    const { socket } = server;
    const error = await refusalOf(socket, tls);
    assertStringIncludes(
      error.message,
      `Cannot deliver "E" to ${socket}: cannot connect: ${message}`,
    );
  });
}

Deno.test("EventClient takes the name of tls.serverName", async () => {
  await using server = serveTls(
    await authority.certify({ names: ["as.example.com"] }),
  );
  const tls = { ...trust, serverName: "as.example.com" };
  await using client = clientOf(server.socket, tls);
  assertEquals(await client.raise("E"), true);
});

const NO_TLS =
  'cannot connect: the server does not speak TLS; a socket without TLS begins with "jsonrpc:"';
const CLOSED =
  "cannot connect: the server closed the connection in the TLS handshake; does it speak TLS?";

Deno.test("EventClient says that the server is one of serveEvents() without TLS", async () => {
  await using server = serveTls(undefined);
  const socket = `jsonrpcs:127.0.0.1:${server.addr.port}`;
  assertStringIncludes((await refusalOf(socket, trust)).message, NO_TLS);
});

const PLAIN: [
  about: string,
  script: (conn: Deno.TcpConn) => Promise<unknown> | void,
  message: string,
][] = [
  ["greets in plain text", (conn) => send(conn, "220 mail ESMTP\r\n"), NO_TLS],
  ["answers in plain text", async (conn) => {
    await conn.read(new Uint8Array(1000));
    await send(conn, "HTTP/1.1 400 Bad Request\r\n\r\n");
  }, NO_TLS],
  ["sends everything back", async (conn) => {
    const hello = new Uint8Array(1000);
    const length = await conn.read(hello);
    await conn.write(hello.subarray(0, length!));
  }, NO_TLS],
  ["closes when it is spoken to", async (conn) => {
    await conn.read(new Uint8Array(1000));
  }, CLOSED],
  ["closes at once", () => {}, CLOSED],
];

for (const [about, script, message] of PLAIN) {
  Deno.test(`EventClient says what is wrong with a server that ${about}`, async () => {
    await using server = serve(async (conn) => {
      await script(conn);
      await conn.closeWrite();
      while (await conn.read(new Uint8Array(1000)) !== null);
    });
    const error = await refusalOf(`jsonrpcs:127.0.0.1:${server.port}`, trust);
    assertStringIncludes(error.message, message);
  });
}

Deno.test("EventClient without TLS has its connection closed by a server with TLS", async () => {
  const invalid: string[] = [];
  await using server = serveEvents(
    { port: 0, tls: local, onInvalid: (reason) => invalid.push(reason) },
    () => true,
  );
  const socket = server.socket.replace("jsonrpcs:", "jsonrpc:");
  await using client = clientOf(socket, {});
  await assertRejects(() => client.raise("E"), Error, socket);
  assertEquals(invalid, ["it does not speak TLS"]);
  await using other = clientOf(server.socket, trust);
  assertEquals(await other.raise("E"), true);
});

Deno.test("EventClient names the refused connection as without TLS", async () => {
  const error = await refusalOf(`jsonrpcs:127.0.0.1:${freePort()}`, trust);
  assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
});

const client = await authority.certify({ names: ["client"] });
const foreign = await stranger.certify({ names: ["client"] });

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  Deno.test(`EventClient shows its certificate to who demands it, by ${version}`, async () => {
    await using server = await serveDemanding(authority, local, version);
    await using known = clientOf(server.socket, { ...trust, ...client });
    assertEquals(await known.raise("E"), "known");
  });

  for (const syncMode of [true, false]) {
    Deno.test(
      `EventClient says that a certificate is demanded, by ${version}, ${
        syncMode ? "with" : "without"
      } sync mode`,
      async () => {
        await using server = await serveDemanding(authority, local, version);
        const error = await refusalOf(server.socket, trust, syncMode);
        assertStringIncludes(
          error.message,
          "cannot connect: the server demands a client certificate; tls.cert and tls.key can give one",
        );
        assertEquals(server.texts, []);
      },
    );
  }

  Deno.test(`EventClient fails with a certificate that is not accepted, by ${version}`, async () => {
    await using server = await serveDemanding(authority, local, version);
    await using refused = clientOf(server.socket, { ...trust, ...foreign });
    // Node's server resets the connection, at times before it has said why.
    await assertRejects(() => refused.raise("E"), DeliveryError);
    assertEquals(server.texts, []);
  });
}

Deno.test("serveEvents() with TLS drops who speaks none, and serves others", async () => {
  const invalid: string[] = [];
  await using server = serveTls(local, {
    onInvalid: (reason) => invalid.push(reason),
  });
  const { addr: { hostname, port } } = server;
  using silent = await Deno.connect({ hostname, port });
  using plain = await Deno.connect({ hostname, port });
  await send(plain, `{"id":1,"jsonrpc":"2.0","method":"E"}`);
  await new Response(plain.readable).bytes().catch(() => {}); // its end
  await using client = clientOf(`jsonrpcs:127.0.0.1:${port}`, trust);
  assertEquals(await client.raise("E"), true);
  assertEquals(invalid, ["it does not speak TLS"]);
  assert(silent.localAddr);
});

// Deno cannot end a handshake, so it must not begin one for each event.
Deno.test("EventClient waits with one connection for a TLS server that hangs", async () => {
  await using server = serve(async (_, reader) => void await reader.all());
  const socket = server.socket.replace("jsonrpc:", "jsonrpcs:");
  const client = clientOf(socket, trust, { timeoutMs: 50 });
  for (let n = 0; n < 5; n++) {
    const error = await assertRejects(
      () => client.raise("E"),
      DeliveryTimeoutError,
      "not connected within 50 ms",
    );
    assertEquals(error.mayHaveArrived, false);
  }
  await client.close();
  assertEquals(server.accepted, 1);
});

Deno.test("EventClient reaches a TLS server that is slow to shake hands", async () => {
  await using server = serveTls(local);
  const late = gate();
  await using slow = serve(async (conn) => {
    await late.opened;
    const { hostname, port } = {
      hostname: "127.0.0.1",
      port: server.addr.port,
    };
    const other = await Deno.connect({ hostname, port });
    await Promise.allSettled([
      conn.readable.pipeTo(other.writable),
      other.readable.pipeTo(conn.writable),
    ]);
  });
  const socket = slow.socket.replace("jsonrpc:", "jsonrpcs:");
  await using client = clientOf(socket, trust);
  await assertRejects(
    () => client.raise("E", {}, { timeoutMs: 50 }),
    DeliveryTimeoutError,
  );
  late.open();
  assertEquals(await client.raise("E"), true);
  assertEquals([slow.accepted, client.stats.connects], [1, 1]);
});

Deno.test("EventClient tries another TLS connection when one does not open for half a minute", async () => {
  using time = new FakeTime();
  const signals: AbortSignal[] = [];
  const client = clientOf("jsonrpcs:h:1", trust, {
    timeoutMs: 1000,
    connect(_host, _port, { signal }) {
      signals.push(signal);
      return new Promise(() => {});
    },
  });
  for (let second = 0; second < 35; second++) {
    const raised = assertRejects(() => client.raise("E"), DeliveryTimeoutError);
    await time.tick(1000);
    await raised;
  }
  assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
  await client.close();
  assertEquals(signals[1].aborted, true);
});

Deno.test("EventClient cannot tell what became of an event when an open TLS connection ends", async () => {
  const { promise, resolve: alert } = Promise.withResolvers<void>();
  await using client = clientOf("jsonrpcs:h:1", trust, {
    connect: () =>
      Promise.resolve({
        readable: new ReadableStream<Uint8Array>({
          async pull() {
            await promise;
            throw new Error("received fatal alert: AccessDenied");
          },
        }),
        writable: new WritableStream<Uint8Array>({ write: () => alert() }),
        close() {},
      }),
  });
  const error = await assertRejects(
    () => client.raise("E"),
    ConnectionClosedError,
    "the server demands a client certificate",
  );
  assertEquals(error.mayHaveArrived, true);
});

Deno.test("serveEvents() with TLS has no more connections than it may, and ends all that it has", async () => {
  const told = gate();
  let late = 0;
  const server = serveTls(local, {
    maxConnections: 2,
    idleTimeoutMs: 1000,
    onInvalid: () => ++late === 2 && told.open(),
  });
  const { port } = server.addr;
  const silent = [];
  for (let n = 0; n < 2; n++) {
    silent.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
  await told.opened; // their time is over
  const client = clientOf(server.socket, trust);
  await assertRejects(
    () => client.raise("E", {}, { timeoutMs: 200 }),
    DeliveryTimeoutError,
    "not connected",
  );
  silent[0].close();
  assertEquals(await client.raise("E"), true);
  await client.close();
  await server.shutdown(); // though one is still silent
  silent[1].close();
});

Deno.test("EventInterface keeps apart what is over TLS and what is not", async () => {
  await using secret = serveTls(local);
  await using open = serveEvents({ port: 0 }, () => "open");
  await using events = new EventInterface({ syncMode: true, tls: trust });
  events.subscribe("E", open.socket);
  events.subscribe("E", secret.socket);
  const reports = await events.raise("E");
  assertEquals(reports.map(({ result }) => result), [true, "open"]);
  assertEquals(events.stats().map(({ tls }) => tls), [false, true]);
});

Deno.test("the command speaks TLS, and says what is wrong with its files", async () => {
  const dir = await Deno.makeTempDir();
  const file = (name: string, text: string) => {
    Deno.writeTextFileSync(`${dir}/${name}`, text);
    return `${dir}/${name}`;
  };
  try {
    await using server = serveTls(local);
    const ca = file("ca.pem", authority.cert);
    const key = file("key.pem", local.key);
    const raise = (...args: string[]) =>
      run(
        ["raise", server.socket, "E", "--sync", ...args],
        ["--allow-net", `--allow-read=${dir}`],
      );
    assertEquals((await raise("--ca", ca, "--quiet")).stdout, "true\n");
    const cases: [args: string[], code: number, message: string][] = [
      [[], 1, "comes from an authority that is not known here"],
      [["--ca", ca, "--server-name", "other"], 1, 'is not for "other"'],
      [["--ca", `${dir}/none`], 2, "cannot read --ca: No such file"],
      [
        ["--ca", file("no.pem", "?")],
        2,
        "expected the file of a certificate, in PEM",
      ],
      [["--ca", key], 2, "expected the file of a certificate, in PEM"],
      [
        ["--cert", key, "--key", ca],
        2,
        `--cert is ${JSON.stringify(key)}, expected the file of a certificate`,
      ],
      [
        ["--cert", ca, "--key", ca],
        2,
        "expected the file of a private key without a password, in PEM",
      ],
      [
        ["--cert", ca, "--key", key, "--server-name", "x"],
        2,
        "--cert and --server-name are both given",
      ],
      [["--cert", ca], 2, "--cert and --key go together"],
      [["--ca", "/etc/hostname"], 2, "run it with --allow-read=/etc/hostname"],
    ];
    for (const option of ["--ca", "--cert", "--key", "--server-name"]) {
      const args = ["raise", "jsonrpc:127.0.0.1:1", "E", option, ca];
      const { code, stderr } = await run(args);
      assertEquals(code, 2);
      assertStringIncludes(stderr, `${option} is given, but no socket is over`);
    }
    for (const [args, code, message] of cases) {
      const result = await raise(...args);
      assertEquals(result.code, code, result.stderr);
      assertStringIncludes(result.stderr, message);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

// What rustls says, in the words of a person: the texts that no server above
// brings about.
for (
  const [text, explained, tls] of [
    [
      "invalid peer certificate: NotValidForName",
      "nor for any other name",
    ],
    [
      'invalid peer certificate: certificate not valid for name "h"; certificate is only valid for DnsName("a"), DnsName("b"), DnsName("c") or DnsName("d")',
      'not for "h" but for "a", "b", "c" and 1 others',
    ],
    ["invalid peer certificate: Expired", "certificate expired; the server"],
    [
      "invalid peer certificate: certificate not valid yet: (7300 seconds in future)",
      "not valid yet for another 2 hours; is the clock right?",
    ],
    ["invalid peer certificate: CaUsedAsEndEntity", "one of an authority"],
    ["invalid peer certificate: BadSignature", "is not valid: BadSignature"],
    ["received fatal alert: UnrecognisedName", 'does not know the name "h"'],
    ["received fatal alert: ProtocolVersion", "expected version 1.2 or 1.3"],
    ["received fatal alert: HandshakeFailure", "may demand a client"],
    [
      "received corrupt message of type InvalidContentType",
      "does not speak TLS",
    ],
    ["peer is incompatible: x", "expected version 1.2 or 1.3"],
    [
      "peer closed connection without sending TLS close_notify",
      "it may demand a client certificate",
    ],
    [
      "peer closed connection without sending TLS close_notify",
      "it may not accept the client certificate",
      { cert: "", key: "" },
    ],
    ["Invalid hostname: é", "no certificate can be for"],
    ["No certificates found in PEM", "tls.cert holds no certificate"],
    ["No keys found in PEM", "tls.key holds no private key"],
    ["KeyMismatch", "tls.key is not the key of tls.cert"],
    ["Connection refused", undefined],
  ] as [string, string | undefined, TlsOptions?][]
) {
  Deno.test(`explainTls() knows what is meant by: ${text}`, () => {
    const why = explainTls(new Error(text), "h", tls ?? {});
    if (explained === undefined) return assertEquals(why, undefined);
    assertStringIncludes(why!, explained);
  });
}

// The same from Node and Bun, by the codes of their errors.
for (
  const [code, explained, error] of [
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "an authority that is not known"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "an authority that is not known"],
    ["CERT_HAS_EXPIRED", "the server's certificate expired; the server needs"],
    ["CERT_NOT_YET_VALID", "not valid yet; is the clock right?"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "nor for any other name"],
    [
      "ERR_TLS_CERT_ALTNAME_INVALID",
      'not for "h" but for "a.example", "10.0.0.1"',
      { cert: { subjectaltname: "DNS:a.example, IP Address:10.0.0.1" } },
    ],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "demands a client certif"],
    ["ERR_SSL_TLSV1_ALERT_CERTIFICATE_REQUIRED", "demands a client certificat"],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "demands a client certificate"],
    ["ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "may demand a client cert"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "may demand a client certificat"],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "expected version 1.2 or 1.3"],
    ["ERR_SSL_TLSV1_UNRECOGNIZED_NAME", undefined],
    ["ERR_SSL_TLSV1_ALERT_UNRECOGNIZED_NAME", 'does not know the name "h"'],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "the server does not speak TLS"],
    ["ECONNRESET", "closed the connection in the TLS handshake"],
    ["ECONNREFUSED", undefined],
    [1, undefined],
  ] as [unknown, string | undefined, object?][]
) {
  Deno.test(`explainTls() knows what is meant by the code ${code} with ${JSON.stringify(error)}`, () => {
    const why = explainTls(
      Object.assign(new Error("?"), { code, ...error }),
      "h",
      {},
    );
    if (explained === undefined) return assertEquals(why, undefined);
    assertStringIncludes(why!, explained);
  });
}

Deno.test("explainPeer() tells a peer's failure from its right to go", () => {
  const why = (text: string) => explainPeer(new Error(text));
  assertStringIncludes(
    why("received fatal alert: UnknownCA")!,
    "does not accept the server's certificate (UnknownCA)",
  );
  assertEquals(
    why("received fatal alert: DecodeError"),
    "it ended TLS (DecodeError)",
  );
  assertEquals(
    why("received corrupt message of type X"),
    "it does not speak TLS",
  );
  assertEquals(why("peer misbehaved: X"), "peer misbehaved: X");
  assertEquals(why("Connection reset by peer"), undefined);
  assertEquals(explainPeer("no error"), undefined);
});

for (
  const [tls, problem] of [
    [{ caCerts: ["x"] }, "tls.caCerts[0]: expected a certificate, in PEM"],
    [{ cert: local.cert }, "tls.cert without tls.key"],
    [{ key: local.key }, "tls.key without tls.cert"],
    [{ cert: "x", key: local.key }, "tls.cert: expected a certificate"],
    [{ cert: local.cert, key: "x" }, "tls.key: expected a private key"],
    [{ serverName: "" }, "tls.serverName: expected a name"],
  ] as [TlsOptions, string][]
) {
  Deno.test(`new EventClient() refuses TLS with ${problem}`, () => {
    assertThrows(() => clientOf("jsonrpcs:h:1", tls), RangeError, problem);
  });
}
