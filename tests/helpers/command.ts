/** The command, as a process. */

import { isInstalled } from "./real_servers.ts";
import { TextReader } from "./tcp.ts";

const CLI = new URL("../../cli.ts", import.meta.url).href;

/** What a process left behind. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** How `deno` is called to run the command: with the network, and no more. */
export function denoArgs(
  args: string[],
  permissions = ["--allow-net"],
): string[] {
  return ["run", "--no-prompt", ...permissions, CLI, ...args];
}

/** Runs the command to its end. */
export async function run(
  args: string[],
  permissions?: string[],
): Promise<Finished> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: denoArgs(args, permissions),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Runs the command to its end, with `input` as its standard input. */
export async function runWith(
  input: BlobPart,
  args: string[],
  permissions?: string[],
): Promise<Finished> {
  const process = new Deno.Command(Deno.execPath(), {
    args: denoArgs(args, permissions),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = process.output();
  await new Blob([input]).stream().pipeTo(process.stdin).catch(() => {});
  const { code, stdout, stderr } = await output;
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** A process of the command that goes on. */
export interface Running extends AsyncDisposable {
  process: Deno.ChildProcess;
  /** The next line of its standard output or error; undefined at the end. */
  outLine(): Promise<string | undefined>;
  errLine(): Promise<string | undefined>;
  /** Ends its standard output, as `head` does when it has enough. */
  closeOutput(): Promise<void>;
}

/** Starts the command. At the end of the test's scope, it is ended. */
export function start(
  args: string[],
  stdin: "null" | "piped" = "null",
  { env = {}, permissions }: {
    env?: Record<string, string>;
    permissions?: string[];
  } = {},
): Running {
  return running(
    new Deno.Command(Deno.execPath(), {
      args: denoArgs(args, permissions),
      env,
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
}

function running(process: Deno.ChildProcess): Running {
  const out = new LineReader(process.stdout);
  const err = new LineReader(process.stderr);
  return {
    process,
    outLine: () => out.next(),
    errLine: () => err.next(),
    closeOutput: () => out.cancel(),
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch { /* it has ended */ }
      await process.status;
      await out.cancel();
      await err.cancel();
    },
  };
}

/** Starts `listen` at a free port; `socket` is what it printed. */
export async function startListen(
  args: string[],
): Promise<Running & { socket: string }> {
  const running = start(["listen", "0", ...args]);
  const line = await running.errLine();
  const socket = /^listening at (jsonrpc:.*)$/.exec(line ?? "")?.[1];
  if (socket === undefined) throw new Error(`listen said: ${line}`);
  return { ...running, socket };
}

class LineReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#reader.read();
      if (done) return this.#text === "" ? undefined : this.#text;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** A raw exchange with a socket: what comes back for `text`. */
export async function exchange(socket: string, text: string): Promise<string> {
  const port = Number(socket.split(":").at(-1));
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text));
  await conn.closeWrite();
  const texts = await new TextReader(conn).all();
  conn.close();
  return texts.join("");
}

/**
 * Starts the command as a shell does it, with `redirections` such as
 * `> /dev/full`. Its standard error is piped unless they say otherwise.
 */
export function startInShell(
  args: string[],
  redirections: string,
): Running {
  const words = [Deno.execPath(), ...denoArgs(args)]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return running(
    new Deno.Command("sh", {
      args: ["-c", `exec ${words.join(" ")} ${redirections}`],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
}

/** Runs the command on a terminal of its own, by script(1): what that shows. */
export async function onTerminal(
  args: string[],
  env: Record<string, string> = {},
  input = "",
): Promise<string> {
  const command = [Deno.execPath(), ...denoArgs(args)].join(" ");
  const process = new Deno.Command("script", {
    args: ["-qec", `${input && `printf '${input}' | `}${command}`, "/dev/null"],
    env: { TERM: "xterm", ...env },
    stdin: "null",
    stdout: "piped",
  });
  return new TextDecoder().decode((await process.output()).stdout);
}

/** The name of a test, and whether it is ignored: without such a program. */
export async function needs(
  program: string,
  name: string,
): Promise<{ name: string; ignore: boolean }> {
  return await isInstalled(program)
    ? { name, ignore: false }
    : { name: `${name} (skipped: there is no ${program})`, ignore: true };
}
