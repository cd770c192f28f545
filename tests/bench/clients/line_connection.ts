// Lines over TCP, as one writes that by hand: texts are gathered while a write
// is under way, and go out together in the next.

const encoder = new TextEncoder();

/** A connection of lines. */
export class LineConnection {
  #text = "";
  /** The write that takes what is gathered; none is waiting if undefined. */
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();
  readonly #reading: Promise<void>;

  readonly conn: Deno.TcpConn;

  constructor(
    conn: Deno.TcpConn,
    onLine: (line: string) => void,
    onEnd?: () => void,
  ) {
    this.conn = conn;
    conn.setNoDelay(true);
    this.#reading = this.#read(onLine).finally(onEnd);
    this.#reading.catch(() => {}); // a write tells as well
  }

  /** Sends a text; resolves when the operating system has it. */
  send(text: string): Promise<void> {
    this.#text += text;
    if (this.#next === undefined) {
      this.#next = this.#writing.then(() => this.#write());
      this.#writing = this.#next;
      this.#next.catch(() => {}); // a caller may forget the promise
    }
    return this.#next;
  }

  /** Ends it; resolves when the server has read everything. */
  async close(): Promise<void> {
    await this.#writing;
    await this.conn.closeWrite();
    await this.#reading;
    this.conn.close();
  }

  async #write(): Promise<void> {
    this.#next = undefined;
    let bytes = encoder.encode(this.#text);
    this.#text = "";
    while (bytes.length > 0) {
      bytes = bytes.subarray(await this.conn.write(bytes));
    }
  }

  async #read(onLine: (line: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(64 * 1024);
    let rest = "";
    for (;;) {
      const length = await this.conn.read(buffer);
      if (length === null) return;
      const text = decoder.decode(buffer.subarray(0, length), { stream: true });
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) onLine(line);
    }
  }
}
