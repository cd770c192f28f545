// The servers and clients, each in a process of its own.

/** What the server received on connections that have ended. */
export interface Received {
  /** Whole notifications. */
  messages: number;
  /** Requests that were answered. */
  requests: number;
  /** Bytes that are no whole message. */
  oddBytes: number;
  /** The processor time of the server, in microseconds. */
  cpuMicros: number;
}

/** What a client prints at its end. */
export interface ClientResult {
  /** How long it took, the server's reading included. */
  seconds: number;
  /** The processor time of the client meanwhile, in microseconds. */
  cpuMicros: number;
  /** How many events were delivered in that time, as far as the client knows. */
  delivered: number;
  /** How many events were raised, those of the warm-up included. */
  sent: number;
  /** Of those: what the client refused, as its queue was full. */
  refused: number;
  /** Of those: what timed out. */
  late: number;
  /** Of those: what failed otherwise, or got the response of another. */
  failed: number;
  /** With one in flight, the time of one in milliseconds. */
  p50?: number;
  p99?: number;
  /** The largest resident memory. */
  peakBytes?: number;
  /** By how much it is larger than before the first event. */
  grownBytes?: number;
  /** Of the faults: how many promises did what. */
  resolved?: number;
  rejected?: number;
  pending?: number;
}

const HERE = new URL("./", import.meta.url);
/** No client needs the project's configuration, and none may change its lock. */
const CLIENT_FLAGS = ["run", "--quiet", "--no-config", "--no-lock", "-A"];
/** When something hangs, it is not for ever. */
const MAX_SECONDS = 60;

/** A row that cannot be measured here; its message says why. */
export class Skipped extends Error {}

/** The path of a file of the benchmark, or of the project by `../../`. */
export function pathOf(file: string): string {
  return decodeURIComponent(new URL(file, HERE).pathname);
}

/** The arguments of Deno that run a file of the benchmark as a client. */
export function clientArgs(file: string, ...args: unknown[]): string[] {
  return [...CLIENT_FLAGS, pathOf(`clients/${file}`), ...args.map(String)];
}

/** Runs a program to its end, and returns what it printed. */
export async function output(
  program: string,
  args: string[],
): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(program, {
    args,
    signal: AbortSignal.timeout(MAX_SECONDS * 1000),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  const problem = new TextDecoder().decode(stderr).trim() || text.trim();
  throw new Error(
    `${program} ${args.at(-4)} … ended with code ${code}: ${
      problem.slice(0, 500)
    }`,
  );
}

/** Runs a client to its end: one of Deno by its file, another by its path. */
export async function runClient(
  file: string,
  ...args: unknown[]
): Promise<ClientResult> {
  const text = file.endsWith(".ts")
    ? await output(Deno.execPath(), clientArgs(file, ...args))
    : await output(file, args.map(String));
  // Peers may print what they like before.
  return JSON.parse(text.trimEnd().split("\n").at(-1)!);
}

/** A running server of the benchmark. */
export class Server implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  ports: number[] = [];

  constructor(file: string, args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...CLIENT_FLAGS, pathOf(file), ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#lines = linesOf(this.#child.stdout).getReader();
  }

  /** Starts a server; see `server/main.ts` for its flags. */
  static async start(...flags: string[]): Promise<Server> {
    return await Server.startFile("server/main.ts", ...flags);
  }

  static async startFile(file: string, ...flags: string[]): Promise<Server> {
    const server = new Server(file, flags);
    ({ ports: server.ports } = JSON.parse(await server.#line()));
    return server;
  }

  get port(): number {
    return this.ports[0];
  }

  /** What was received since the last call. */
  async received(): Promise<Received> {
    await this.#stdin.write(new TextEncoder().encode("\n"));
    return JSON.parse(await this.#line());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {}); // it may have died before
    await this.#lines.cancel();
    await this.#child.status;
  }

  async #line(): Promise<string> {
    const { value } = await this.#lines.read();
    if (value === undefined) throw new Error("the server has ended");
    return value;
  }
}

/** The lines of a stream of bytes. */
export function linesOf(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
): ReadableStream<string> {
  let rest = "";
  return bytes.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TransformStream({
      transform(text, controller) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
    }),
  );
}

/** The largest resident memory of a process, in bytes, where `/proc` tells. */
export function peakBytesOf(process: number | "self"): number | undefined {
  return memoryOf(process, "VmHWM");
}

/** The resident memory of a process now. */
export function residentBytesOf(process: number | "self"): number | undefined {
  return memoryOf(process, "VmRSS");
}

function memoryOf(
  process: number | "self",
  name: "VmHWM" | "VmRSS",
): number | undefined {
  try {
    const status = Deno.readTextFileSync(`/proc/${process}/status`);
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
