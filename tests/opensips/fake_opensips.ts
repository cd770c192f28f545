/**
 * A server that responds to management requests as a real OpenSIPS of 3.0 or 4.0
 * does, its faults included: see recorded.ts, by which it is held to them.
 */

/** A version that it can be. */
export type Version = "3.0" | "4.0";

/** A subscription as OpenSIPS keeps it. */
interface Subscription {
  event: string;
  socket: string;
  expire: number;
  /** In seconds, on the fake's own clock. */
  since: number;
}

interface Call {
  id?: unknown;
  method: string;
  params: unknown[] | Record<string, unknown>;
}

/** What a test may wait for: a command, and how many of it there were. */
type Waiting = { method: string; count: number; resolve: () => void };

const OWN: Record<Version, string[]> = {
  "3.0": ["E_CORE_THRESHOLD", "E_CORE_SHM_THRESHOLD"],
  "4.0": ["E_CORE_SR_STATUS_CHANGED", "E_CORE_THRESHOLD", "E_PROFILING_SCRIPT"],
};

const NEW_NAMES: Record<string, string> = {
  "evi:subscribe": "event_subscribe",
  "evi:list": "events_list",
  "evi:subscribers": "subscribers_list",
  "evi:raise": "raise_event",
};

/** See the head of this file. */
export class FakeOpenSips implements AsyncDisposable {
  readonly #version: Version;
  /** Its own events and those of its script. */
  events: string[];
  /** The newest last. */
  subscriptions: Subscription[] = [];
  /** Each request, in order. */
  readonly calls: Call[] = [];
  /** Refuses commands with a status of HTTP, as a proxy before it may. */
  status = 200;
  /** Whether it takes requests and never responds. */
  isHanging = false;
  #seconds = 0;
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;
  #port = 0;
  #waiting: Waiting[] = [];

  constructor(version: Version, events: string[] = ["E_X", "E_Y"]) {
    this.#version = version;
    this.events = [...OWN[version], ...events];
    this.start();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mi`;
  }

  /** The sockets that are subscribed to an event and get it. */
  subscribers(event: string): string[] {
    this.#clean();
    return this.subscriptions
      .filter((s) => s.event === event && s.expire > 0)
      .map(({ socket }) => socket);
  }

  /** Lets time pass for the subscriptions. */
  pass(seconds: number): void {
    this.#seconds += seconds;
  }

  start(): void {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: this.#port, onListen() {} },
      (request) => this.respond(request),
    );
    this.#port = this.#server.addr.port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.shutdown();
  }

  /** A restart forgets all. */
  async restart(): Promise<void> {
    await this.stop();
    this.subscriptions = [];
    this.start();
  }

  /** Resolves when a command was asked so many times more. */
  asked(method: string, count = 1): Promise<void> {
    return new Promise((resolve) =>
      this.#waiting.push({ method, count, resolve })
    );
  }

  async respond(request: Request): Promise<Response> {
    const body = await request.text();
    if (request.method !== "POST" && this.#version === "3.0") {
      return new Response(null, { status: 405 });
    }
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith("/mi")) {
      return new Response("<html><body>Unable to parse URL!</body></html>", {
        status: 400,
        headers: { "content-type": "text/html" },
      });
    }
    if (this.status !== 200) {
      return new Response("no", { status: this.status });
    }
    if (this.isHanging) return await aborted(request);
    return await this.#respondTo(body, request);
  }

  async #respondTo(body: string, request: Request): Promise<Response> {
    let value: Record<string, unknown>;
    try {
      value = JSON.parse(body);
    } catch {
      return json({ error: error(-32700, "Parse error"), id: null });
    }
    const { id, jsonrpc, method, params = [] } = value;
    if (
      jsonrpc !== "2.0" || typeof method !== "string" ||
      typeof params !== "object" || params === null
    ) {
      return json({
        error: error(-32600, "Invalid Request"),
        id: Array.isArray(value) || id === undefined ? null : id,
      });
    }
    const call: Call = { method, params: params as Call["params"] };
    this.calls.push("id" in value ? { id, ...call } : call);
    const outcome = this.#run(call);
    for (const waiting of this.#waiting) {
      if (waiting.method === method) waiting.count--;
      if (waiting.count === 0) waiting.resolve();
    }
    this.#waiting = this.#waiting.filter(({ count }) => count > 0);
    if (!("id" in value)) {
      if (this.#version === "3.0") return new Response(null, { status: 202 });
      return await aborted(request); // 4.0 never responds
    }
    const number = typeof id === "number"
      ? Math.min(Math.trunc(id), 0x7fffffff)
      : id;
    return json({ ...outcome, id: number });
  }

  #run({ method, params }: Call): object {
    if (this.#version === "4.0") method = NEW_NAMES[method] ?? method;
    switch (method) {
      case "events_list":
        return this.#form(params, [[]], () => ({
          Events: this.events.map((name, id) => ({ name, id })),
        }));
      case "subscribers_list":
        return this.#form(
          params,
          [[], ["event"], ["event", "socket"]],
          (named) => this.#list(named),
        );
      case "event_subscribe":
        return this.#form(
          params,
          [["event", "socket"], ["event", "socket", "expire"]],
          (named) => this.#subscribe(named),
        );
    }
    if (method === "raise_event" && this.#version === "4.0") {
      return this.#form(
        params,
        [["event"], ["event", "params"]],
        (named) => this.#raise(named),
      );
    }
    return { error: error(-32601, "Method not found") };
  }

  /** Names the params, and gives the result or an error. */
  #form(
    params: Call["params"],
    forms: string[][],
    run: (named: Record<string, unknown>) => unknown,
  ): object {
    const given = Array.isArray(params) ? params : Object.values(params);
    const form = forms.find((form) => form.length === given.length);
    if (form === undefined) {
      return this.#invalid("Too few or too many parameters");
    }
    if (!Array.isArray(params)) {
      const unknown = form.some((name) => !Object.hasOwn(params, name));
      // 3.0 takes what it knows.
      if (unknown && this.#version === "4.0") {
        return this.#invalid("Named parameters do not match");
      }
      return wrap(run(params));
    }
    return wrap(
      run(Object.fromEntries(form.map((name, i) => [name, params[i]]))),
    );
  }

  #invalid(data: string): Refused {
    return new Refused(
      -32602,
      "Invalid params",
      this.#version === "4.0" || data.startsWith("Negative") ? data : undefined,
    );
  }

  #list({ event, socket }: Record<string, unknown>): unknown {
    this.#clean();
    if (event === undefined) {
      return {
        Events: this.events.map((name) => this.#listOf(name))
          .filter((list) => Object.keys(list).length > 0),
      };
    }
    if (!this.events.includes(event as string)) {
      return new Refused(404, "Event not published");
    }
    if (socket === undefined) return { Event: this.#listOf(event as string) };
    const found = this.#find(event as string, socket as string);
    if (found === undefined) {
      return new Refused(404, "Subscriber does not exist");
    }
    const [name, id] = [event, this.events.indexOf(event as string)];
    return { Event: { name, id, Subscriber: this.#show(found) } };
  }

  #listOf(name: string): object {
    const subscribers = this.subscriptions.filter((s) => s.event === name);
    return subscribers.length === 0 ? {} : {
      name,
      id: this.events.indexOf(name),
      Subscribers: subscribers.toReversed().map((s) => this.#show(s)),
    };
  }

  #show(subscription: Subscription): object {
    const { socket, expire } = subscription;
    const ttl = this.#left(subscription);
    return this.#version === "3.0"
      ? { socket, expire }
      : { socket, expire, ttl: ttl > 0 ? ttl : "expired" };
  }

  #left({ expire, since }: Subscription): number {
    return Math.ceil(since + expire - this.#seconds);
  }

  /** Ended subscriptions stay until a timer takes them, some seconds later. */
  #clean(): void {
    this.subscriptions = this.subscriptions.filter((s) =>
      this.#left(s) > (s.expire > 0 ? 0 : -2)
    );
  }

  #find(event: string, socket: string): Subscription | undefined {
    // The comparison of methods reads the wrong bytes.
    if (socket.slice(10).includes("/")) return undefined;
    return this.subscriptions.find((s) =>
      s.event === event && s.socket === socket
    );
  }

  #subscribe(
    { event, socket, expire = 3600 }: Record<string, unknown>,
  ): unknown {
    const isDigits = typeof expire === "string" && /^-?\d+$/.test(expire);
    if (typeof expire !== "number" && !isDigits) {
      return this.#invalid("Bad type for parameter 'expire'");
    }
    const seconds = Math.min(Math.trunc(Number(expire)), 0x7fffffff);
    if (seconds < 0) return this.#invalid("Negative expire value");
    for (const [name, value] of [["event", event], ["socket", socket]]) {
      const isText = typeof value === "string" && value !== "" ||
        typeof value === "number";
      if (!isText) return this.#invalid(`Bad type for parameter '${name}'`);
    }
    const sockets = String(socket).startsWith("virtual:")
      ? /^virtual:(PARALLEL|FAILOVER|ROUND-ROBIN)(.*)$/.exec(String(socket))
        ?.[2]
        ?.split(/[ \t]+/).slice(1)
      : [String(socket)];
    if (
      !this.events.includes(String(event)) ||
      !sockets?.every((socket) => this.#isSocket(socket))
    ) return new Refused(400, "Bad parameter value");
    const text = String(socket).replace(/\/$/, "") +
      (sockets.length === 0 ? " " : "");
    const known = this.#find(String(event), text);
    if (known !== undefined) {
      known.expire = seconds;
      known.since = this.#seconds;
    } else {
      this.subscriptions.push({
        event: String(event),
        socket: text,
        expire: seconds,
        since: this.#seconds,
      });
    }
    return "OK";
  }

  /** Names are resolved at once, to IPv4 addresses. */
  #isSocket(socket: string): boolean {
    const scheme = this.#version === "3.0" ? "jsonrpc" : "tcp";
    const [, host, port] =
      new RegExp(`^${scheme}:([\\w.-]+):([1-9]\\d*)(/.*)?$`).exec(socket) ?? [];
    return host !== undefined && !host.endsWith(".invalid") &&
      Number(port) < 65536;
  }

  #raise({ event, params = [] }: Record<string, unknown>): unknown {
    if (!this.events.includes(String(event))) {
      return new Refused(404, "Event not registered");
    }
    if (this.subscribers(String(event)).length === 0) {
      return new Refused(480, "Temporarily Unavailable");
    }
    if (Array.isArray(params)) {
      const isFine = params.every((p) => /string|number/.test(typeof p));
      return isFine ? "OK" : new Refused(400, "Bad Params");
    }
    if (typeof params === "string" && /^\s*\{/.test(params)) return "OK";
    return typeof params === "object" || typeof params === "boolean"
      ? new Refused(400, "No Params")
      : new Refused(400, "Bad Params");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

class Refused {
  readonly error: object;

  constructor(code: number, message: string, data?: string) {
    this.error = error(code, message, data);
  }
}

function wrap(result: unknown): object {
  return result instanceof Refused ? { error: result.error } : { result };
}

function error(code: number, message: string, data?: string): object {
  return { code, message, ...data !== undefined && { data } };
}

function json(response: object): Response {
  return new Response(JSON.stringify({ jsonrpc: "2.0", ...response }), {
    headers: { "content-type": "application/json" },
  });
}

/** Never responds; who asked goes away some time. */
async function aborted({ signal }: Request): Promise<Response> {
  const gone = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => gone.resolve(), { once: true });
  if (!signal.aborted) await gone.promise;
  return new Response(null, { status: 499 });
}
