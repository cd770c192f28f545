// The module on real runtimes, each a process of its own, over loopback. They
// come from npm at these versions, by npx; one that cannot be had is skipped.

import { assert, assertEquals } from "@std/assert";
import { serveEvents } from "../../mod.ts";
import { newAuthority } from "../helpers/certificates.ts";
import {
  freePort,
  gate,
  type Script,
  send,
  serve,
  serveResets,
} from "../helpers/tcp.ts";
import { FILLING, MANY, type Ports, type Seen, STALLED } from "./scenario.ts";

interface Runtime {
  name: string;
  /** The package of npm; Deno is here anyway. */
  npm?: { name: string; version: string };
  /** Rejects if something else that is needed cannot be had. */
  prepare?(): Promise<unknown>;
  /** What is to be seen there other than everywhere else. */
  expected?: Seen;
  /** Runs the program there; resolves to the line that it printed. */
  run(binary: string, ports: Ports): Promise<string>;
}

const NO_CONNECTION = { error: "ConnectError", mayHaveArrived: false };

const RUNTIMES: Runtime[] = [
  {
    name: `Deno ${Deno.version.deno}`,
    run: program("deno.ts", ["run", "--no-prompt", "--allow-net=127.0.0.1"]),
  },
  ...["22.23.3", "26.10.0"].map((version) => ({
    name: `Node ${version}`,
    npm: { name: "node", version },
    run: program("node.ts"),
  })),
  {
    name: "Bun 1.4.5",
    npm: { name: "bun", version: "1.4.5" },
    run: program("node.ts"),
  },
  {
    name: "workerd 1.20261117.1",
    npm: { name: "workerd", version: "1.20261117.1" },
    prepare: () => bundle("data:text/javascript,1"), // brings esbuild, by npm
    run: runWorker,
    // A Worker knows the authorities that its configuration names.
    expected: { "an authority that is not known": {} },
  },
];

/** How long npm may take to bring a runtime, and a runtime to run. */
const INSTALL_MS = 120_000;
const RUN_MS = 20_000;

/** What a program is to see; it is the same everywhere. */
const EXPECTED: Seen = {
  "notification": 1,
  "confirmed": { text: "zażółć", n: 2 },
  "the server's error": { error: "ServerError", mayHaveArrived: true },
  "a new connection": 2,
  "no server": NO_CONNECTION,
  "no answer, and the end": {
    error: "ConnectionClosedError",
    mayHaveArrived: true,
  },
  "a reset": { error: "ConnectionClosedError", mayHaveArrived: true },
  "no answer": {
    error: { error: "DeliveryTimeoutError", mayHaveArrived: true },
    isInTime: true,
  },
  "no connection": { error: "DeliveryTimeoutError", mayHaveArrived: false },
  "over TLS": { text: "zażółć" },
  "an authority that is not known": "tls.caCerts",
  "the Event Interface": [
    NO_CONNECTION,
    { n: 3 },
  ],
};

/** By package: npx must not install the same one twice at a time. */
const installs = new Map<string, Promise<string>>();
const ran: string[] = [], skipped: string[] = [];
const found = await Promise.all(RUNTIMES.map(find));

for (const [i, { name, run, expected }] of RUNTIMES.entries()) {
  const { binary, problem } = found[i];
  if (binary === undefined) skipped.push(`${name} (${problem})`);
  Deno.test({
    name: `EventClient runs on ${name}` +
      (binary === undefined ? ` (skipped: ${problem})` : ""),
    ignore: binary === undefined,
    async fn() {
      await using servers = await startServers();
      const line = await run(binary!, servers.ports);
      const {
        "a server that does not read": unread,
        ...seen
      }: Seen = JSON.parse(line);
      assertEquals(seen, { ...EXPECTED, ...expected });

      const { received } = servers;
      assertEquals(received.get("keep"), [
        '{"id":null,"jsonrpc":"2.0","method":"keep","params":{"text":"zażółć","n":1}}',
      ]);
      assertEquals(
        received.get("count"),
        Array.from(
          { length: MANY },
          (_, n) =>
            `{"id":null,"jsonrpc":"2.0","method":"count","params":{"n":${n}}}`,
        ),
      );
      const [request] = received.get("echo")!;
      const { id } = JSON.parse(request);
      assert(Number.isInteger(id) && id >= 1 && id < 2 ** 31, request);
      assertEquals(
        request,
        `{"id":${id},"jsonrpc":"2.0","method":"echo","params":{"text":"zażółć","n":2}}`,
      );

      // What `raise` said was taken did arrive, though the connection was given
      // up; and nothing comes after a message that was cut short.
      const { taken, error } = unread as { taken: number; error: unknown };
      assertEquals(error, {
        error: "DeliveryTimeoutError",
        mayHaveArrived: true,
      });
      const stalled = await servers.readStalled();
      assert(taken > 0 && taken < STALLED, `${taken} were taken`);
      const all = Array.from({ length: STALLED }, (_, n) => filled(n)).join("");
      assert(all.startsWith(stalled), "something else came");
      assert(
        stalled.length >= filled(0).length * taken,
        `${taken} were said to be taken, ${stalled.length} bytes arrived`,
      );
      ran.push(name);
    },
  });
}

Deno.test.afterAll(() => {
  console.log(
    `runtimes: ran ${ran.join(", ") || "none"}; skipped: ${
      skipped.join("; ") || "none"
    }`,
  );
});

function filled(n: number): string {
  return `{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"n":${n},"filling":"${FILLING}"}}`;
}

/** Where the binary is, or why there is none. */
async function find(
  { npm, prepare }: Runtime,
): Promise<{ binary?: string; problem?: string }> {
  if (npm === undefined) return { binary: Deno.execPath() };
  try {
    const spec = `${npm.name}@${npm.version}`;
    if (!installs.has(spec)) installs.set(spec, install(npm.name, spec));
    const binary = await installs.get(spec);
    await prepare?.();
    return { binary };
  } catch (error) {
    const [problem] = (error as Error).message.trim().split("\n");
    return { problem: problem.slice(0, 100) };
  }
}

/** Has npm bring a binary; resolves to its path. */
async function install(name: string, spec: string): Promise<string> {
  const found = await output("npx", [
    "--yes",
    "--prefer-offline",
    "--loglevel=error",
    `--package=${spec}`,
    `--call=command -v ${name}`,
  ], INSTALL_MS);
  const binary = await Deno.realPath(found.trim());
  await output(binary, ["--version"], INSTALL_MS); // it may not run here
  return binary;
}

/** Makes one file of JavaScript of a module and what it imports. */
function bundle(module: string): Promise<string> {
  const args = ["bundle", "--quiet", "--no-lock", module];
  return output(Deno.execPath(), args, INSTALL_MS);
}

/** Runs a program of this folder to its end. */
function program(file: string, args: string[] = []): Runtime["run"] {
  const path = new URL(file, import.meta.url).pathname;
  return (binary, ports) =>
    output(binary, [...args, path, JSON.stringify(ports)], RUN_MS);
}

/** What a process prints; rejects, with what it complains of, if it fails. */
async function output(
  command: string,
  args: string[],
  ms: number,
): Promise<string> {
  const signal = AbortSignal.timeout(ms);
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    signal,
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (signal.aborted) {
    throw new Error(`${command} did not end in ${ms} ms: ${text}`);
  }
  if (!success) throw new Error(new TextDecoder().decode(stderr) || command);
  return text;
}

const configOf = (caCerts: string[]) =>
  `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
    )),
    # Without "local", workerd connects to public addresses only.
    (name = "internet", network = (
      allow = ["local"],
      tlsOptions = (trustedCertificates = ${JSON.stringify(caCerts)}),
    )),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
  ],
);
`;

/** Runs worker.ts, as one file of JavaScript, in workerd: by a request. */
async function runWorker(binary: string, ports: Ports): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const { pathname } = new URL("worker.ts", import.meta.url);
    await Deno.writeTextFile(`${folder}/worker.js`, await bundle(pathname));
    const { port: tlsPort, caCerts } = ports.tls;
    const own = { ...ports, tls: { port: tlsPort, caCerts: [] } };
    await Deno.writeTextFile(`${folder}/config.capnp`, configOf(caCerts));
    await using server = new Deno.Command(binary, {
      args: ["serve", "--control-fd=1", `${folder}/config.capnp`],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = server.stdout.getReader();
    try {
      const { value } = await reader.read();
      const { port } = JSON.parse(new TextDecoder().decode(value));
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        method: "POST",
        body: JSON.stringify(own),
        signal: AbortSignal.timeout(RUN_MS),
      });
      return await response.text();
    } finally {
      await reader.cancel();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Servers extends AsyncDisposable {
  ports: Ports;
  /** The messages by their methods. */
  received: Map<string, string[]>;
  /** What there is to read where nothing was read so far, to its end. */
  readStalled(): Promise<string>;
}

async function startServers(): Promise<Servers> {
  await using stack = new AsyncDisposableStack();
  const received = new Map<string, string[]>();
  const obedient = stack.use(serve(obey(received)));
  const resetting = stack.use(await serveResets());
  const stalledText = Promise.withResolvers<string>();
  const { open, opened } = gate();
  const stalled = stack.use(serve(async (_, reader) => {
    await opened;
    const texts = await reader.all();
    stalledText.resolve(texts.join("") + reader.rest);
  }));
  const full = stack.use(await listenFull());
  const authority = await newAuthority("Test Authority");
  const local = await authority.certify({ names: ["127.0.0.1"] });
  const secret = stack.use(
    serveEvents({ port: 0, tls: local }, ({ params }) => params),
  );
  const all = stack.move();
  return {
    ports: {
      obedient: obedient.port,
      refused: freePort(),
      resetting: Number(resetting.socket.split(":").at(-1)),
      stalled: stalled.port,
      full: full.port,
      tls: { port: secret.addr.port, caCerts: [authority.cert] },
    },
    received,
    readStalled() {
      open();
      return stalledText.promise;
    },
    async [Symbol.asyncDispose]() {
      open();
      await all.disposeAsync();
    },
  };
}

/** Does as the method of each message says. */
function obey(received: Map<string, string[]>): Script {
  return async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      const { id, method, params } = JSON.parse(text);
      if (!received.has(method)) received.set(method, []);
      received.get(method)!.push(text);
      const reply = (member: string) =>
        send(conn, `{"jsonrpc":"2.0","id":${id},${member}}`);
      if (method === "echo") await reply(`"result":${JSON.stringify(params)}`);
      if (method === "refuse") {
        await reply(`"error":{"code":404,"message":"no"}`);
      }
      if (method === "once") return reply(`"result":true`);
      if (method === "hang_up") return;
    }
  };
}

/** A server whose queue of connections to accept is full: none is made. */
async function listenFull(): Promise<{ port: number } & AsyncDisposable> {
  const listener = Deno.listen({
    hostname: "127.0.0.1",
    port: 0,
    tcpBacklog: 1,
  });
  const { port } = listener.addr;
  const waiting: Deno.Conn[] = [];
  for (let isFull = false; !isFull;) {
    const signal = AbortSignal.timeout(200);
    await Deno.connect({ hostname: "127.0.0.1", port, signal }).then(
      (conn) => waiting.push(conn),
      () => isFull = true,
    );
  }
  return {
    port,
    [Symbol.asyncDispose]() {
      for (const conn of waiting) conn.close();
      listener.close();
      return Promise.resolve();
    },
  };
}
