/**
 * A real browser, driven over its own protocol (Chrome DevTools Protocol).
 * Debian has it as the package `chromium`.
 */

import { isInstalled } from "./real_servers.ts";

/** Where the browser may be, the first that is there. */
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** The browser's command; `undefined` if there is none. */
export async function findChromium(): Promise<string | undefined> {
  for (const name of NAMES) if (await isInstalled(name)) return name;
}

/** How long something may take that is to happen in a page. */
const PATIENCE_MS = 30_000;

/** How a page is seen. */
export interface View {
  width?: number;
  height?: number;
  dark?: boolean;
}

// deno-lint-ignore no-explicit-any
type Reply = any;

/** A running browser. */
export class Chromium implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #socket: WebSocket;
  readonly #profile: string;
  readonly #calls = new Map<number, PromiseWithResolvers<Reply>>();
  readonly #draining: Promise<void>;
  #lastId = 0;

  private constructor(
    process: Deno.ChildProcess,
    socket: WebSocket,
    profile: string,
    draining: Promise<void>,
  ) {
    this.#process = process;
    this.#socket = socket;
    this.#profile = profile;
    this.#draining = draining;
    socket.onmessage = ({ data }) => {
      const { id, result, error } = JSON.parse(data);
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error.message));
    };
  }

  /** Starts the browser. */
  static async launch(command: string): Promise<Chromium> {
    const profile = await Deno.makeTempDir();
    const process = new Deno.Command(command, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        // Several tabs at a time are seen, as in windows side by side.
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
        "--remote-debugging-port=0",
        `--user-data-dir=${profile}`,
        "about:blank",
      ],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const lines = process.stderr.pipeThrough(new TextDecoderStream())
      .getReader();
    let said = "";
    let url: string | undefined;
    while (url === undefined) {
      const { value, done } = await lines.read();
      if (done) throw new Error(`Cannot start ${command}: ${said}`);
      said += value;
      url = /ws:\/\/\S+/.exec(said)?.[0];
    }
    const draining = (async () => {
      while (!(await lines.read()).done);
    })();
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new Chromium(process, socket, profile, draining);
  }

  /** Calls a method of the protocol. */
  call(method: string, params = {}, sessionId?: string): Promise<Reply> {
    const call = Promise.withResolvers<Reply>();
    this.#calls.set(++this.#lastId, call);
    const id = this.#lastId;
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return call.promise;
  }

  /** Opens an address in a tab of its own. */
  async open(url: string, view: View = {}): Promise<Tab> {
    const { targetId } = await this.call("Target.createTarget", {
      url: "about:blank",
      newWindow: true,
    });
    const { sessionId } = await this.call("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    const tab = new Tab(this, targetId, sessionId);
    await tab.look(view);
    await tab.go(url);
    return tab;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    await this.call("Browser.close");
    await closed;
    await this.#process.status;
    await this.#draining;
    await Deno.remove(this.#profile, { recursive: true });
  }
}

/** A tab of the browser. */
export class Tab implements AsyncDisposable {
  readonly #browser: Chromium;
  readonly #targetId: string;
  readonly #sessionId: string;

  constructor(browser: Chromium, targetId: string, sessionId: string) {
    this.#browser = browser;
    this.#targetId = targetId;
    this.#sessionId = sessionId;
  }

  #call(method: string, params = {}): Promise<Reply> {
    return this.#browser.call(method, params, this.#sessionId);
  }

  /** Sets the size and the colours in which pages are seen. */
  async look(
    { width = 1280, height = 800, dark = false }: View,
  ): Promise<void> {
    await this.#call("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 600,
    });
    await this.#call("Emulation.setEmulatedMedia", {
      features: [{
        name: "prefers-color-scheme",
        value: dark ? "dark" : "light",
      }],
    });
  }

  /** Opens an address. */
  async go(url: string): Promise<void> {
    await this.#call("Page.navigate", { url });
    await this.until("document.readyState === 'complete' && document.body");
  }

  /** Evaluates an expression in the page; a promise is awaited. */
  async evaluate(expression: string): Promise<Reply> {
    const { result, exceptionDetails } = await this.#call("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) {
      throw new Error(
        `Cannot evaluate ${expression}: ${
          exceptionDetails.exception?.description ?? exceptionDetails.text
        }`,
      );
    }
    return result.value;
  }

  /**
   * Waits until an expression is true in the page; returns its value. Rejects when
   * that takes so long that it will never be.
   */
  async until(expression: string): Promise<Reply> {
    const end = performance.now() + PATIENCE_MS;
    while (performance.now() < end) {
      try {
        const value = await this.evaluate(
          `new Promise((resolve) => {
            const end = performance.now() + 1000;
            const look = () => {
              const value = (${expression});
              if (value) resolve(typeof value === "object" ? true : value);
              else if (performance.now() > end) resolve(false);
              else setTimeout(look, 10);
            };
            look();
          })`,
        );
        if (value) return value;
      } catch (error) {
        // A new page came meanwhile; what it evaluates, it evaluates again.
        if (!/context|navigated/i.test((error as Error).message)) throw error;
      }
    }
    const text = await this.evaluate("document.body.innerText");
    throw new Error(`Never true: ${expression}; the page shows ${text}`);
  }

  /** Presses a key, such as `a`, `Enter` or `ArrowDown`. */
  async press(key: string): Promise<void> {
    const text = key.length === 1 ? key : undefined;
    await this.#call("Input.dispatchKeyEvent", { type: "keyDown", key, text });
    await this.#call("Input.dispatchKeyEvent", { type: "keyUp", key });
  }

  /** Types text into what has the focus. */
  async type(text: string): Promise<void> {
    await this.#call("Input.insertText", { text });
  }

  /** Clicks at the middle of the first element that a selector finds. */
  async click(selector: string): Promise<void> {
    await this.evaluate(
      `document.querySelector(${JSON.stringify(selector)}).click()`,
    );
  }

  /** Lets pages read and write the clipboard. */
  async allowClipboard(origin: string): Promise<void> {
    await this.#browser.call("Browser.grantPermissions", {
      origin,
      permissions: ["clipboardReadWrite", "clipboardSanitizedWrite"],
    });
  }

  /** What is seen, as a PNG. */
  async picture(): Promise<Uint8Array> {
    const { data } = await this.#call("Page.captureScreenshot");
    return Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.call("Target.closeTarget", {
      targetId: this.#targetId,
    });
  }
}
