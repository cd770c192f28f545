/** A real NATS server with JetStream. `.ci/get_servers` gets it from Debian. */

import { findProgram } from "./real_servers.ts";

/** The command; `undefined` if there is none. */
export function findNatsServer(): Promise<string | undefined> {
  return findProgram("nats-server", "NATS_SERVER");
}

/** A server on loopback, which keeps what it stores in a folder of its own. */
export class NatsServer implements AsyncDisposable {
  readonly #command: string;
  readonly #folder: string;
  #child: Deno.ChildProcess;
  /** The port that it listens at, also after it was started again. */
  port = 0;

  private constructor(command: string, folder: string) {
    this.#command = command;
    this.#folder = folder;
    this.#child = this.#spawn();
  }

  /**
   * Starts one, with what stands in its file of configuration; resolves when it
   * listens.
   */
  static async start(command: string, config = ""): Promise<NatsServer> {
    const folder = await Deno.makeTempDir({ prefix: "nats-" });
    await Deno.writeTextFile(`${folder}/config`, config);
    const server = new NatsServer(command, folder);
    await server.#listens();
    return server;
  }

  /** Ends it as a power switch would, save for what the system has to write. */
  async kill(): Promise<void> {
    this.#end();
    await this.#child.status;
  }

  /** Starts it again with what it has stored, at the same port. */
  async restart(): Promise<void> {
    this.#child = this.#spawn();
    await this.#listens();
  }

  /** Ends it at once, for the end of a test file. */
  dispose(): void {
    this.#end();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #end(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch { /* it has ended */ }
  }

  #spawn(): Deno.ChildProcess {
    return new Deno.Command(this.#command, {
      args: [
        "--jetstream",
        ...["--store_dir", `${this.#folder}/store`],
        ...["--addr", "127.0.0.1", "--port", String(this.port || -1)],
        ...["--ports_file_dir", this.#folder],
        ...["--log", `${this.#folder}/log`],
        ...["--config", `${this.#folder}/config`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  async #listens(): Promise<void> {
    let hasEnded = false;
    this.#child.status.then(() => hasEnded = true);
    const path = `${this.#folder}/nats-server_${this.#child.pid}.ports`;
    for (;;) {
      try {
        const { nats } = JSON.parse(await Deno.readTextFile(path));
        this.port = Number(new URL(nats[0]).port);
        return;
      } catch { // not yet, or not in full
        if (hasEnded) {
          throw new Error(await Deno.readTextFile(`${this.#folder}/log`));
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }
}
