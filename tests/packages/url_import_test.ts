// The project where a web server keeps it: imported, and run, from an empty
// folder with an empty cache. Nothing but that server can be reached.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { serve } from "../helpers/tcp.ts";

const ROOT = new URL("../../", import.meta.url);

/** As many web servers send files, by how their names end; of `.ts`, see below. */
const TYPES: Record<string, string> = {
  ts: "text/typescript",
  json: "application/json",
  js: "text/javascript",
  css: "text/css",
  html: "text/html",
};

/** How long a process may take, with what it loads. */
const RUN_MS = 60_000;

/** The registry that has `@std/cli`. */
const REGISTRY = "https://registry.npmjs.org/";

interface Project extends AsyncDisposable {
  /** The host and the port of the web server. */
  host: string;
  /** The paths that were asked for. */
  requested: string[];
}

/** Serves the project's files; those of TypeScript with a type of one's own. */
function serveProject(typeOf = (_: Request) => TYPES.ts): Project {
  const requested: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const path = new URL(request.url).pathname;
      requested.push(path);
      const ending = path.slice(path.lastIndexOf(".") + 1);
      const type = ending === "ts" ? typeOf(request) : TYPES[ending];
      const response = new Response(
        await Deno.readFile(new URL(`.${path}`, ROOT)),
      );
      if (type !== "") response.headers.set("content-type", type);
      return response;
    },
  );
  return {
    host: `127.0.0.1:${server.addr.port}`,
    requested,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/**
 * Runs Deno in an empty folder, with an empty cache; resolves to what it printed.
 * Checks that modules came from `sources` alone.
 */
async function runThere(
  args: string[],
  { input = "", sources }: { input?: string; sources: string[] },
): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/empty`);
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...args],
      cwd: `${folder}/empty`,
      env: { DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(RUN_MS),
    }).spawn();
    const finished = process.output();
    await new Blob([input]).stream().pipeTo(process.stdin).catch(() => {});
    const { success, stdout, stderr } = await finished;
    const said = new TextDecoder().decode(stderr);
    assert(success, said);
    for (const [, from] of said.matchAll(/^Download (.*)$/gm)) {
      assert(sources.some((source) => from.startsWith(source)), from);
    }
    assertEquals([...Deno.readDirSync(`${folder}/empty`)], []);
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Options for a machine that is busy with other tests. */
const PATIENT = "const PATIENT = { syncMode: true, timeoutMs: 30_000 };";

/** Runs a script that may import from `host`, as Deno asks for it. */
function runScript(host: string, script: string, flags: string[] = []) {
  return runThere(
    [`--allow-import=${host}`, "--allow-net=127.0.0.1", ...flags, "-"],
    { input: PATIENT + script, sources: [`http://${host}/`] },
  );
}

Deno.test("mod.ts runs from a URL, in a fresh process with no configuration", async () => {
  await using project = serveProject();
  const { host, requested } = project;
  const script = `
    import { EventClient, serveEvents } from "http://${host}/mod.ts";
    await using server = serveEvents({ port: 0 }, ({ params }) => params);
    await using client = new EventClient(server.socket, PATIENT);
    console.log(await client.raise("E_X", { from: "a URL" }));
  `;
  const printed = await runScript(host, script, ["--check"]);
  assertEquals(printed, `{ from: "a URL" }\n`);
  // Everything came from here: mod.ts, and the layers up to events/.
  assert(requested.includes("/mod.ts"));
  for (const path of requested) {
    assert(
      /^\/(mod|src\/(protocol|transport|client|server|events)\/[a-z_]+)\.ts$/
        .test(path),
      path,
    );
  }
});

Deno.test("mod.ts is not imported from a URL when --allow-import is missing", async () => {
  await using project = serveProject();
  const url = `http://${project.host}/mod.ts`;
  const error = await assertRejects(
    () => runThere(["-"], { input: `import "${url}";`, sources: [] }),
    Error,
  );
  assertMatch(
    error.message,
    /Requires import access .* with the --allow-import flag/,
  );
  assertEquals(project.requested, []);
});

/** What is done with each entry, and what is printed then. */
const USES: Record<string, { script: string; printed: string }> = {
  "./opensips": {
    script: `console.log(entry.findEvents("E_PIKE_BLOCKED")[0].module);`,
    printed: "pike",
  },
  "./outbox": {
    script: `
      await using server = serveEvents({ port: 0 }, ({ params }) => {
        console.log(params.seconds);
      });
      await using store = entry.memoryStore();
      await using client = new EventClient(server.socket, PATIENT);
      await using outbox = new entry.Outbox(store, client);
      await outbox.raise("E_CALL_ENDED", { seconds: 61 });
      await outbox.flush();`,
    printed: "61",
  },
  // The page's files are imported as text when somebody asks for it.
  "./monitor": {
    script: `
      const page = entry.pageForListener(new entry.EventFeed());
      const url = "http://127.0.0.1/";
      const remoteAddr = { hostname: "127.0.0.1" };
      const response = await page(new Request(url), { remoteAddr });
      const text = await response.text();
      console.log(response.status, text.includes("<style>"));`,
    printed: "200 true",
  },
  "./testing": {
    script: `
      await using recorder = entry.recordEvents();
      await using client = new EventClient(recorder.socket);
      client.raise("E_X", { n: 1 });
      console.log((await recorder.next("E_X", PATIENT)).params.n);`,
    printed: "1",
  },
  "./node": {
    script: `
      await using server = serveEvents({ port: 0 }, ({ params }) => params);
      await using client = new EventClient(server.socket, {
        ...PATIENT,
        connect: entry.connectNode,
      });
      console.log((await client.raise("E_X", { n: 2 })).n);`,
    printed: "2",
  },
  // It runs in Workers only.
  "./workers": {
    script: `console.log(typeof entry.connectWorkers);`,
    printed: "function",
  },
};

const { ".": _module, "./cli": _command, ...entries } = config.exports;
for (const [name, path] of Object.entries(entries)) {
  Deno.test(`the entry ${name} runs from a URL`, async () => {
    await using project = serveProject();
    const { host } = project;
    const { script, printed } = USES[name];
    const imports = `
      import * as entry from "${new URL(path, `http://${host}`)}";
      import { EventClient, serveEvents } from "http://${host}/mod.ts";`;
    assertEquals(await runScript(host, imports + script), `${printed}\n`);
  });
}

Deno.test("cli.ts runs from a URL, when the import map is named", async () => {
  await using project = serveProject();
  const origin = `http://${project.host}`;
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    received.resolve(await reader.all());
  });
  // No --allow-import: Deno imports from the host that it is told to run from.
  const flags = ["--allow-net", "--import-map", `${origin}/deno.json`];
  const socket = `jsonrpc:127.0.0.1:${server.port}`;
  await runThere(
    [...flags, `${origin}/cli.ts`, "raise", socket, "E_X", "from=a URL"],
    { sources: [`${origin}/`, REGISTRY] },
  );
  assertEquals(await received.promise, [
    '{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"from":"a URL"}}',
  ]);
});

/** The content types that Deno takes for the files of this project, and others. */
const TAKEN = [
  "text/typescript",
  "application/typescript",
  "application/x-typescript",
  "text/plain",
  "text/plain; charset=utf-8",
  "application/octet-stream",
  "video/mp2t",
  "",
];
const REFUSED = [
  "text/javascript",
  "text/html",
  "text/x-typescript",
  "text/vnd.trolltech.linguist",
  "binary/octet-stream",
];

Deno.test("Deno takes .ts files from a web server by these content types", async (t) => {
  await using project = serveProject((request) =>
    new URL(request.url).searchParams.get("type")!
  );
  const { host } = project;
  const types = [...TAKEN, ...REFUSED];
  const script = `
    const seen = {};
    for (const type of ${JSON.stringify(types)}) {
      const query = new URLSearchParams({ type });
      seen[type] = await import(
        "http://${host}/src/protocol/did_you_mean.ts?" + query
      ).then((module) => typeof module.didYouMean, (error) => error.message);
    }
    console.log(JSON.stringify(seen));
  `;
  const seen = JSON.parse(await runScript(host, script));
  for (const type of TAKEN) {
    await t.step(`${type || "none"}: taken`, () => {
      assertEquals(seen[type], "function");
    });
  }
  for (const type of REFUSED) {
    await t.step(`${type}: refused`, () => {
      // Deno takes it for JavaScript, or for nothing that it knows.
      assertMatch(
        seen[type],
        /^SyntaxError|^Expected a JavaScript or TypeScript/,
      );
    });
  }
});
