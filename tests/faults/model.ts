/**
 * What must be true after any fault: every event settled once, with an outcome
 * that agrees with what arrived; nothing corrupt arrived, nothing twice; all is
 * closed; the next event works.
 */

import { assertEquals } from "@std/assert";
import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  DeliveryTimeoutError,
  EventClient,
  type EventClientOptions,
  type FailedCounts,
  ProtocolError,
  QueueFullError,
  type RaiseOptions,
  ServerError,
} from "../../mod.ts";
import { send, serve, type Server } from "../helpers/tcp.ts";

/** Long enough never to be over in a test that is not about time. */
export const PATIENT_MS = 60_000;
/** So long something may take that must happen before a test gives it up. */
const HANGS_MS = 120_000;

/** Brackets, quotes and UTF-8 of all lengths: a cut in them must do no harm. */
const TEXT = `}{"\\é漢😀`;
const EVENT = "E_X";

/** An event that was raised, and what became of it. */
interface Raised {
  n: number;
  padding: string;
  settled: Promise<void>;
  /** "delivered", or the error's name and whether it may have arrived. */
  outcome?: string;
  result?: unknown;
  error?: unknown;
}

/** What is wrong with what arrived. */
export interface Problem {
  kind: "lost" | "duplicated" | "corrupt";
  what: string;
}

/** A client, and all that was raised by it. */
export class Model implements AsyncDisposable {
  readonly client: EventClient;
  readonly syncMode: boolean;
  readonly raised: Raised[] = [];
  /** Said in each failure: the row, and the seed if there is one. */
  readonly name: string;
  /** Where the counting of events starts: some servers have many clients. */
  readonly #first: number;
  readonly #disconnects: (() => void)[] = [];
  #connections = 0;

  constructor(
    name: string,
    socket: string,
    options: EventClientOptions = {},
    first = 0,
  ) {
    this.name = name;
    this.#first = first;
    this.syncMode = options.syncMode ?? false;
    this.client = new EventClient(socket, {
      timeoutMs: PATIENT_MS,
      ...options,
    });
    this.client.addEventListener("connect", () => this.#connections++);
    this.client.addEventListener("disconnect", () => {
      if (--this.#connections > 0) return;
      for (const tell of this.#disconnects.splice(0)) tell();
    });
  }

  /** Raises the next event; resolves to its outcome. */
  async raise(options?: RaiseOptions, padding = ""): Promise<string> {
    const n = this.#first + this.raised.length;
    const raised: Raised = { n, padding, settled: Promise.resolve() };
    this.raised.push(raised);
    raised.settled = this.client.raise(
      EVENT,
      { n, text: TEXT + padding },
      options,
    ).then((result) => {
      raised.outcome = "delivered";
      raised.result = result;
    }, (error) => {
      raised.outcome = nameOf(error);
      raised.error = error;
    });
    await raised.settled;
    return raised.outcome!;
  }

  /** Waits until all is settled; what became of each. */
  async outcomes(): Promise<string[]> {
    await this.inTime(
      Promise.all(this.raised.map(({ settled }) => settled)),
      "every event settles",
    );
    return this.raised.map(({ outcome }) => outcome!);
  }

  /** Resolves when no connection is open that the client knows of. */
  async disconnected(): Promise<void> {
    if (this.#connections === 0) return;
    await this.inTime(
      new Promise<void>((tell) => this.#disconnects.push(tell)),
      "the client sees that it is disconnected",
    );
  }

  /** Raises an event that must be delivered, and must arrive. */
  async nextWorks(server: Recorder): Promise<void> {
    assertEquals(
      await this.inTime(
        this.raise({ timeoutMs: PATIENT_MS }),
        "the next event settles",
      ),
      "delivered",
      this.#say("the next event"),
    );
    await this.inTime(
      server.arrival(this.raised.at(-1)!.n),
      "the next event arrives",
    );
  }

  /** Closes the client, and checks all that must be true. */
  async check(
    server: Pick<Recorder, "conversations" | "idle">,
    { mayBeCut = false }: { mayBeCut?: boolean } = {},
  ): Promise<void> {
    await this.outcomes();
    await this.inTime(this.client.close(), "the client closes");
    await this.inTime(server.idle(), "the server sees the connections closed");
    this.checkStats();
    this.checkArrivals(server.conversations, mayBeCut);
  }

  /** Counters and promises must agree. */
  checkStats(): void {
    const { raised, confirmed, failed, queued, queuedBytes, inFlight } =
      this.client.stats;
    const expected: FailedCounts = {
      connect: 0,
      closed: 0,
      timeout: 0,
      queueFull: 0,
      server: 0,
      protocol: 0,
      aborted: 0,
    };
    let delivered = 0;
    for (const { outcome, error } of this.raised) {
      if (outcome === "delivered") delivered++;
      else expected[causeOf(error)]++;
    }
    assertEquals(failed, expected, this.#say("failures counted"));
    assertEquals(raised, this.raised.length, this.#say("events counted"));
    if (this.syncMode) {
      assertEquals(confirmed, delivered, this.#say("confirmations counted"));
    }
    assertEquals(
      { queued, queuedBytes, inFlight },
      { queued: 0, queuedBytes: 0, inFlight: 0 },
      this.#say("what is left"),
    );
  }

  /** What arrived must be what was raised, and agree with the outcomes. */
  checkArrivals(conversations: Conversation[], mayBeCut = false): void {
    const problems = this.audit(conversations, mayBeCut);
    assertEquals(problems, [], this.#say("what arrived"));
  }

  /** What is wrong with what arrived. */
  audit(conversations: Conversation[], mayBeCut = false): Problem[] {
    const problems: Problem[] = [];
    const say = (kind: Problem["kind"], what: string) =>
      problems.push({ kind, what });
    const arrived = new Set<number>();
    for (const { texts, rest } of conversations) {
      let previous = -1;
      for (const text of texts) {
        const n = this.#numberOf(text);
        if (n === undefined) {
          say("corrupt", `${text} was not raised`);
          continue;
        }
        if (arrived.has(n)) say("duplicated", `${n} arrived twice`);
        else if (n < previous) say("corrupt", `${n} came after ${previous}`);
        arrived.add(previous = n);
      }
      if (rest === "") continue;
      const begun = this.raised.some(({ n, padding }) =>
        n > previous && this.#begins(n, padding, rest)
      );
      if (!mayBeCut || !begun) say("corrupt", `${rest} came at the end`);
    }
    for (const { n, outcome, result, error } of this.raised) {
      if (outcome === "delivered" && this.syncMode) {
        if (!arrived.has(n)) say("lost", `${n} was confirmed`);
        if (result !== n) say("corrupt", `${n} was answered by ${result}`);
      }
      const isSure = error instanceof DeliveryError && !error.mayHaveArrived;
      if (isSure && arrived.has(n)) {
        // Its caller raises it again, as is said to be safe.
        say("duplicated", `${n} arrived, and failed surely: ${error.message}`);
      }
    }
    return problems;
  }

  /** Whether a conversation is with this client, and not with another. */
  owns({ texts, rest }: Conversation): boolean {
    return texts.length > 0
      ? this.#numberOf(texts[0]) !== undefined
      : this.raised.some(({ n, padding }) => this.#begins(n, padding, rest));
  }

  /** Waits for what must happen, and says what it was if it does not. */
  async inTime<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(this.#say(`hangs: expected that ${what}`))),
        HANGS_MS,
      );
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether an event's text begins with `rest`, whatever its id. */
  #begins(n: number, padding: string, rest: string): boolean {
    return this.syncMode
      ? textOf(n, padding, 0).startsWith(
        rest.replace(/^\{"id":[0-9]+/, '{"id":0'),
      )
      : textOf(n, padding, null).startsWith(rest);
  }

  /** Which event a text is; undefined if it is none, to the byte. */
  #numberOf(text: string): number | undefined {
    const n = Number(/"n":([0-9]+)/.exec(text)?.[1]);
    const raised = this.raised[n - this.#first];
    const id = /^\{"id":([1-9][0-9]*|null),/.exec(text)?.[1];
    if (raised === undefined || id === undefined) return undefined;
    if ((id === "null") === this.syncMode) return undefined;
    return text === textOf(n, raised.padding, JSON.parse(id)) ? n : undefined;
  }

  #say(what: string): string {
    return `${this.name}: ${what}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** An event as it must arrive. */
export function textOf(n: number, padding: string, id: number | null): string {
  return `{"id":${id},"jsonrpc":"2.0","method":"${EVENT}","params":{"n":${n},"text":${
    JSON.stringify(TEXT + padding)
  }}}`;
}

/** The error's name, and whether the event may have arrived. */
export function nameOf(error: unknown): string {
  if (!(error instanceof DeliveryError)) return String(error);
  return error.mayHaveArrived ? `${error.name}, may have arrived` : error.name;
}

function causeOf(error: unknown): keyof FailedCounts {
  if (error instanceof ConnectError) return "connect";
  if (error instanceof ConnectionClosedError) return "closed";
  if (error instanceof DeliveryTimeoutError) return "timeout";
  if (error instanceof QueueFullError) return "queueFull";
  if (error instanceof ServerError) return "server";
  return error instanceof ProtocolError ? "protocol" : "aborted";
}

/** What arrived on one connection. */
export interface Conversation {
  /** Whole JSON texts, in order. */
  texts: string[];
  /** What followed them and was no whole text when the connection ended. */
  rest: string;
}

/** A server that writes down what arrives, and answers requests with `n`. */
export interface Recorder extends Server {
  conversations: Conversation[];
  /** Resolves when the event has arrived. */
  arrival(n: number): Promise<void>;
  /** Resolves when all connections have ended. */
  idle(): Promise<void>;
}

/** An honest answer to a request. */
export function answerTo({ id, params }: Arrived): string {
  return JSON.stringify({ jsonrpc: "2.0", result: params.n, id });
}

/** A message as it arrived. */
export interface Arrived {
  id: number | null;
  params: { n: number };
}

/** Options of {@linkcode record}. */
export interface RecordOptions {
  /** Where to listen; a free port by default. */
  port?: number;
  /** Whether notifications are answered too, as some servers do. */
  answersAll?: boolean;
  /** Does something else than to answer, and returns true; or false. */
  instead?: (conn: Deno.TcpConn, message: Arrived) => Promise<boolean>;
}

/** Runs a {@linkcode Recorder}. */
export function record(options: RecordOptions = {}): Recorder {
  const { port = 0, answersAll = false, instead } = options;
  const conversations: Conversation[] = [];
  const ended: Promise<void>[] = [];
  const arrived = new Set<number>();
  const waiting = new Map<number, () => void>();
  const server = serve(async (conn, reader) => {
    const conversation: Conversation = { texts: [], rest: "" };
    conversations.push(conversation);
    const { promise, resolve } = Promise.withResolvers<void>();
    ended.push(promise);
    try {
      for (let text; (text = await reader.next()) !== undefined;) {
        conversation.texts.push(text);
        const message: Arrived = JSON.parse(text);
        arrived.add(message.params.n);
        waiting.get(message.params.n)?.();
        // If the peer is gone, reading tells.
        if (await instead?.(conn, message).catch(() => true)) continue;
        if (message.id === null && !answersAll) continue;
        await send(conn, answerTo(message)).catch(() => {});
      }
    } finally {
      conversation.rest = reader.rest;
      resolve();
    }
  }, port);
  return Object.assign(server, {
    conversations,
    async arrival(n: number) {
      if (arrived.has(n)) return;
      await new Promise<void>((resolve) => waiting.set(n, resolve));
    },
    async idle() {
      await Promise.all(ended);
    },
  });
}

/** Runs `run` for each item, so many at a time. */
export async function inGroups<T>(
  items: Iterable<T>,
  size: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const one = async () => {
    for (let next; !(next = rest.next()).done;) await run(next.value);
  };
  // One that fails leaves the others to end, so that nothing is left open.
  const ends = await Promise.allSettled(Array.from({ length: size }, one));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** How many bytes the memory in use grew at most while `run` ran. */
export async function memoryOf(run: () => Promise<void>): Promise<number> {
  const start = Deno.memoryUsage().rss;
  let most = start;
  const timer = setInterval(() => {
    most = Math.max(most, Deno.memoryUsage().rss);
  }, 20);
  try {
    await run();
  } finally {
    clearInterval(timer);
  }
  return Math.max(most, Deno.memoryUsage().rss) - start;
}
