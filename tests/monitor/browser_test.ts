// The pages in a real browser.

import { receivedEvent } from "../helpers/received.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  ConnectError,
  EventClient,
  EventInterface,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import {
  DeliveryTally,
  drawToken,
  EventFeed,
  type EventFeedOptions,
  type ListenerPageOptions,
  pageForHub,
  pageForListener,
  pageUrl,
  watchHandler,
} from "../../src/monitor/mod.ts";
import { Chromium, findChromium, type Tab } from "../helpers/chromium.ts";
import { PATIENT, SYNC } from "../helpers/client.ts";
import { delivery } from "../helpers/deliveries.ts";

const command = await findChromium();
if (command === undefined) {
  console.log("Chromium is not here: tests of the pages in it are skipped");
}

function browserTest(
  name: string,
  fn: (browser: Chromium) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: command === undefined,
    async fn() {
      await using browser = await Chromium.launch(command!);
      await fn(browser);
    },
  });
}

/** A receiving end with its page. */
function listen(options: ListenerPageOptions & EventFeedOptions = {}) {
  const feed = new EventFeed(options);
  const release = Promise.withResolvers<unknown>();
  const server = serveEvents(
    { port: 0, onInvalid: feed.refuse },
    watchHandler(({ method }) => {
      if (method === "E_BAD") throw new ServerError(404, "No such user");
      return method === "E_SLOW" ? release.promise : true;
    }, feed.watch),
  );
  const stop = new AbortController();
  const { socket } = server;
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    pageForListener(feed, { ...options, socket, signal: stop.signal }),
  );
  const peer = { hostname: "10.0.0.7", port: 5060 };
  return {
    feed,
    socket,
    release,
    url: pageUrl(http.addr, options.token),
    /** An event that comes in without a connection. */
    take(method: string, params: object = {}, hostname = peer.hostname) {
      const event = { method, params, id: null, peer: { ...peer, hostname } };
      // deno-lint-ignore no-explicit-any
      feed.watch(event as any)?.({ result: true, ms: 1 });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await http.shutdown();
      await server.shutdown();
    },
  };
}

/** The rows in sight, as the text of their cells. */
const rowsOf = (tab: Tab): Promise<Record<string, string>[]> =>
  tab.evaluate(`[...document.querySelectorAll(".row:not([hidden])")]
    .sort((a, b) => a.getAttribute("aria-posinset") - b.getAttribute("aria-posinset"))
    .map((row) => Object.fromEntries([...row.children].map((cell) =>
      [cell.className.split(" ")[0], cell.textContent])))`);

const rowCount = `document.querySelectorAll(".row:not([hidden])").length`;
const total = `document.querySelector(".total").textContent`;

/** Waits for a total, such as `3 events`. */
const untilTotal = (tab: Tab, text: string) =>
  tab.until(`${total} === ${JSON.stringify(text)}`);

const search = (tab: Tab, query: string) =>
  tab.evaluate(`{
    const input = document.querySelector("input");
    input.value = ${JSON.stringify(query)};
    input.dispatchEvent(new Event("input"));
  }`);

browserTest(
  "the page shows events as they come, and what was responded",
  async (browser) => {
    await using listener = listen();
    await using tab = await browser.open(listener.url);
    await tab.until(`document.querySelector(".nothing code")`);
    await using note = new EventClient(listener.socket, PATIENT);
    await using request = new EventClient(listener.socket, SYNC);
    await note.raise("E_CALL_START", { caller: "sip:alice@example.com", n: 7 });
    await untilTotal(tab, "1 event");
    await request.raise("E_OK", ["x"]);
    await request.raise("E_BAD").catch(() => {});
    const slow = request.raise("E_SLOW");
    await untilTotal(tab, "4 events");
    const rows = await rowsOf(tab);
    assertEquals(rows.map(({ method, params }) => [method, params]), [
      ["E_CALL_START", "caller=sip:alice@example.com  n=7"],
      ["E_OK", "x"],
      ["E_BAD", ""],
      ["E_SLOW", ""],
    ]);
    assertMatch(rows[0]!["time"]!, /^[0-9:]{8}\.[0-9]{3}$/);
    assertMatch(rows[0]!["peer"]!, /^127\.0\.0\.1:[0-9]+$/);
    assertMatch(rows[1]!["response"]!, /^true · .* ms$/);
    assertEquals(rows[2]!["response"], "404 No such user");
    assertEquals(rows[3]!["response"], "…");
    listener.release.resolve({ late: true });
    await slow;
    await tab.until(
      `document.body.innerText.includes('{"late":true} · ')`,
    );
  },
);

browserTest(
  "the page filters by query, by name and by what is clicked",
  async (browser) => {
    await using listener = listen();
    for (let i = 0; i < 30; i++) {
      listener.take(
        i % 3 === 0 ? "E_PIKE" : "E_CALL",
        { n: i },
        `10.0.0.${i % 2}`,
      );
    }
    await using tab = await browser.open(listener.url);
    await untilTotal(tab, "30 events");
    await search(tab, "event:PIKE peer:10.0.0.1");
    await untilTotal(tab, "5 of 30 events");
    await search(tab, "n=29");
    await untilTotal(tab, "1 of 30 events");
    await search(tab, "nothing at all");
    await tab.until(`document.body.innerText.includes("No event matches")`);
    await tab.click(".nothing button");
    await untilTotal(tab, "30 events");
    await tab.evaluate(`[...document.querySelectorAll(".chip")]
    .find((chip) => chip.textContent.includes("E_PIKE")).click()`);
    await untilTotal(tab, "10 of 30 events");
    listener.take("E_CALL");
    listener.take("E_PIKE");
    await untilTotal(tab, "11 of 32 events");
    await tab.evaluate(
      `document.querySelector(".chip[aria-pressed=true]").click()`,
    );
    await untilTotal(tab, "32 events");
    await tab.click(".row");
    await tab.evaluate(`[...document.querySelectorAll("dd button")]
    .find((button) => button.textContent.includes("10.0.0")).click()`);
    await tab.until(
      `document.querySelector("input").value.startsWith("peer:10.0.0.")`,
    );
  },
);

browserTest(
  "the page shows one event, pretty and raw, and copies it as a command",
  async (browser) => {
    await using listener = listen();
    listener.feed.watch(receivedEvent({
      id: 7,
      peer: { hostname: "::1", port: 5 },
      paramsText: '{"n":1.50,"n":"it\'s","o":{"p":[]}}',
    }))?.({
      result: [1],
      ms: 2,
    });
    listener.take("E_Y", { a: "b c" });
    const { origin } = new URL(listener.url);
    await using tab = await browser.open(listener.url);
    await tab.allowClipboard(origin);
    await untilTotal(tab, "2 events");
    await tab.click(".row");
    const blocks = () =>
      tab.evaluate(
        `[...document.querySelectorAll(".details pre")].map((p) => p.textContent)`,
      );
    assertEquals(await blocks(), [
      '{\n  "n": 1.50,\n  "n": "it\'s",\n  "o": {\n    "p": []\n  }\n}',
      "[\n  1\n]",
    ]);
    await tab.press("r");
    assertEquals(
      (await blocks())[0],
      '{"id":7,"jsonrpc":"2.0","method":"E_X","params":{"n":1.50,"n":"it\'s","o":{"p":[]}}}',
    );
    const copied = async () => {
      await tab.evaluate(`navigator.clipboard.writeText("")`);
      await tab.press("c");
      await tab.until(`navigator.clipboard.readText()`);
      return await tab.evaluate(`navigator.clipboard.readText()`);
    };
    assertEquals(
      await copied(),
      `event-jsonrpc raise --sync --params '{"n":1.50,"n":"it'\\''s","o":{"p":[]}}' ${listener.socket} E_X`,
    );
    await tab.press("ArrowDown");
    assertEquals(
      await copied(),
      `event-jsonrpc raise ${listener.socket} E_Y 'a=b c'`,
    );
  },
);

browserTest("the page is used by keyboard", async (browser) => {
  await using listener = listen();
  for (let i = 0; i < 100; i++) listener.take(`E_${i}`);
  await using tab = await browser.open(listener.url);
  await untilTotal(tab, "100 events");
  const heading = `document.querySelector(".details h2")?.textContent`;
  const steps: [string, string][] = [
    ["g", "E_0"],
    ["j", "E_1"],
    ["ArrowDown", "E_2"],
    ["k", "E_1"],
    ["End", "E_99"],
    ["ArrowUp", "E_98"],
    ["Home", "E_0"],
    ["G", "E_99"],
  ];
  await tab.press("g");
  await tab.press("Enter");
  for (const [key, method] of steps) {
    await tab.press(key);
    await tab.until(`${heading} === "${method}"`);
    // Its row is selected, and in sight.
    await tab.until(
      `[...document.querySelectorAll('[aria-selected="true"]')].some((element) => {
      const row = element.getBoundingClientRect();
      const list = document.querySelector(".list").getBoundingClientRect();
      return element.querySelector(".method")?.textContent === "${method}" &&
        row.top >= list.top && row.bottom <= list.bottom + 1;
    })`,
    );
  }
  await tab.press("Escape");
  assertEquals(await tab.evaluate(`${heading} ?? "closed"`), "closed");
  await tab.press("/");
  await tab.type("E_42");
  await untilTotal(tab, "1 of 100 events");
  await tab.press("Enter"); // to the list
  await tab.press("Escape"); // shows all
  await untilTotal(tab, "100 events");
  await tab.press("?");
  assert(await tab.evaluate(`document.querySelector("dialog").open`));
});

browserTest(
  "the page pauses, resumes, and clears for all who look",
  async (browser) => {
    await using listener = listen();
    listener.take("E_X");
    await using tab = await browser.open(listener.url);
    await using other = await browser.open(listener.url);
    await untilTotal(tab, "1 event");
    await tab.press("p");
    for (let i = 0; i < 9; i++) listener.take("E_X");
    await tab.until(`document.body.innerText.includes("Resume (9)")`);
    await untilTotal(other, "10 events");
    await untilTotal(tab, "1 event");
    await tab.press("p");
    await untilTotal(tab, "10 events");
    await tab.press("X");
    await untilTotal(tab, "0 events");
    await untilTotal(other, "0 events");
    assertEquals(listener.feed.slice(0, 99), []);
    listener.take("E_NEW");
    await untilTotal(other, "1 event");
  },
);

browserTest(
  "the page saves what is shown as lines that pump takes",
  async (browser) => {
    await using listener = listen();
    listener.take("E_X", { n: 1 });
    const peer = { hostname: "::1", port: 5 };
    const event = { method: "E_Y", params: {}, id: null, peer };
    const paramsText = '[\n  "a\\n"\r\n]';
    listener.feed.watch(receivedEvent({ ...event, paramsText }));
    listener.feed.refuse("no", { hostname: "::1", port: 5 });
    await using tab = await browser.open(listener.url);
    await untilTotal(tab, "3 events");
    await tab.evaluate(`
    window.saved = new Promise((resolve) => {
      const createObjectURL = URL.createObjectURL;
      URL.createObjectURL = (blob) => {
        resolve(blob.text());
        return createObjectURL.call(URL, blob);
      };
    });
    document.querySelector("[title^=Download]").click()`);
    assertEquals(
      await tab.evaluate("window.saved"),
      '{"event":"E_X","params":{"n":1}}\n{"event":"E_Y","params":[   "a\\n"  ]}\n',
    );
  },
);

browserTest(
  "the page stays smooth with 100,000 events, and lets the oldest go",
  async (browser) => {
    await using listener = listen();
    for (let i = 0; i < 100_000; i++) {
      listener.take(`E_${i % 7}`, { n: i, caller: `sip:user${i}@example.com` });
    }
    await using tab = await browser.open(listener.url);
    await untilTotal(tab, "100,000 events");
    // Rows exist for what is in sight only.
    assert(await tab.evaluate(`document.querySelectorAll(".row").length`) < 60);
    assertEquals(
      (await rowsOf(tab)).at(-1)!["params"],
      "n=99999  caller=sip:user99999@example.com",
    );
    await search(tab, "n=4242");
    await untilTotal(tab, "20 of 100,000 events");
    await search(tab, "");
    await untilTotal(tab, "100,000 events");
    await tab.evaluate(
      `document.querySelector(".list").scrollTop = 28 * 50000`,
    );
    await tab.until(`[...document.querySelectorAll(".row:not([hidden])")]
    .some((row) => row.textContent.includes("n=50000 "))`);
    for (let i = 0; i < 500; i++) listener.take("E_LAST", { n: -i });
    await tab.until(
      `document.querySelector(".chips").textContent.includes("E_LAST500")`,
    );
    await untilTotal(tab, "100,000 events");
    // What was looked at has not moved.
    assert(
      await tab.evaluate(`[...document.querySelectorAll(".row:not([hidden])")]
    .some((row) => row.textContent.includes("n=50000 "))`),
    );
    await tab.click(".jump");
    await tab.until(`[...document.querySelectorAll(".row:not([hidden])")]
    .some((row) => row.textContent.includes("n=-499"))`);
    assertEquals(listener.feed.first, 500);
  },
);

const HOSTILE = [
  "<img src=x onerror=alert(1)>",
  "<script>window.hacked = 1</script>",
  "</script><script>window.hacked = 1</script>",
  "</style><svg onload=window.hacked=1>",
  "javascript:window.hacked=1",
  '"><iframe src="data:text/html,x">',
  "\u202egnp.exe\u202c",
  "\x1b[2J\0\u2028\r\n",
  "\ud800",
  "__proto__",
  "constructor",
  "&amp;&#60;b&#62;",
  "{{7*7}}${7*7}",
  "x".repeat(100_000),
];

browserTest(
  "the page shows hostile names, params, peers and responses as text",
  async (browser) => {
    await using listener = listen();
    await using tab = await browser.open(listener.url);
    for (const text of HOSTILE) {
      const peer = { hostname: text, port: 5060 };
      const params = JSON.parse(
        JSON.stringify({ [text]: text, list: [text, { [text]: null }] }),
      );
      listener.feed.watch(
        receivedEvent({ method: text, params, id: text, peer }),
      )?.({
        result: { [text]: text },
        ms: 1,
      });
      listener.feed.watch(
        receivedEvent({ method: text, params: [text], id: 1, peer }),
      )?.({
        error: new ServerError(1, text, { [text]: text }),
        ms: 1,
      });
      listener.feed.refuse(text, peer);
    }
    const count = HOSTILE.length * 3;
    await untilTotal(tab, `${count} events`);
    await tab.press("g");
    await tab.press("Enter");
    for (let i = 0; i < count; i++) {
      await tab.evaluate("1"); // lets the page draw
      if (i % 2 === 0) await tab.press("r");
      await tab.press("j");
    }
    for (const text of HOSTILE) await search(tab, text);
    await search(tab, "");
    assertEquals(await tab.evaluate("typeof window.hacked"), "undefined");
    assertEquals(
      await tab.evaluate(`document.querySelectorAll(
      "img, iframe, svg, object, embed, a[href], script:not(:first-of-type)").length`),
      0,
    );
    // Nothing turns the direction of what stands beside it.
    assert(
      !/[\u202a-\u202e\u2066-\u2069]/.test(
        await tab.evaluate("document.body.innerText"),
      ),
    );
  },
);

browserTest(
  "the page loads nothing from elsewhere, and its policy keeps scripts out",
  async (browser) => {
    await using listener = listen();
    listener.take("E_X");
    await using tab = await browser.open(listener.url);
    await untilTotal(tab, "1 event");
    const { host } = new URL(listener.url);
    assertEquals(
      await tab.evaluate(`performance.getEntriesByType("resource")
      .map(({ name }) => new URL(name)).filter(({ protocol, host }) =>
        protocol !== "data:" && host !== "${host}").length`),
      0,
    );
    await tab.evaluate(`
    window.refused = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      window.refused.push(event.effectiveDirective));
    document.body.append(Object.assign(document.createElement("script"), { textContent: "window.hacked = 1" }));
    document.body.append(Object.assign(document.createElement("img"), { src: "http://127.0.0.1:1/x" }));
    fetch("http://127.0.0.1:1/").catch(() => {});`);
    await tab.until("window.refused.length >= 3");
    assertEquals(
      (await tab.evaluate("window.refused.sort()")).join(),
      "connect-src,img-src,script-src-elem",
    );
    assertEquals(await tab.evaluate("typeof window.hacked"), "undefined");
  },
);

browserTest("the page with a token is seen by who has it", async (browser) => {
  const token = drawToken();
  await using listener = listen({ token });
  listener.take("E_X");
  await using tab = await browser.open(listener.url);
  await untilTotal(tab, "1 event");
  await tab.press("X"); // the token goes with what the page asks for
  await untilTotal(tab, "0 events");
  const { origin } = new URL(listener.url);
  await tab.go(`${origin}/`);
  assertMatch(await tab.evaluate("document.body.textContent"), /Forbidden/);
});

browserTest("another site cannot read the events", async (browser) => {
  await using listener = listen();
  listener.take("E_SECRET");
  await using site = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response("<!DOCTYPE html><body>evil", {
        headers: { "content-type": "text/html" },
      }),
  );
  await using tab = await browser.open(`http://localhost:${site.addr.port}/`);
  const { origin } = new URL(listener.url);
  assertEquals(
    await tab.evaluate(`new Promise((resolve) => {
      const source = new EventSource("${origin}/events");
      source.onmessage = source.onopen = () => resolve("read");
      source.onerror = () => (source.close(), resolve("refused"));
    })`),
    "refused",
  );
  assertEquals(
    await tab.evaluate(
      `fetch("${origin}/clear", { method: "POST", mode: "no-cors" })
      .then(() => "sent", () => "refused")`,
    ),
    "refused",
  );
  assertEquals(listener.feed.slice(0, 9).length, 1);
});

browserTest("the page comes back when the listener does", async (browser) => {
  const hostname = "127.0.0.1";
  const feed = new EventFeed();
  const start = (port: number) => {
    const stop = new AbortController();
    const server = Deno.serve(
      { hostname, port, onListen: () => {} },
      pageForListener(feed, { signal: stop.signal }),
    );
    return { server, stop: () => (stop.abort(), server.shutdown()) };
  };
  feed.refuse("one", { hostname: "::1", port: 1 });
  const first = start(0);
  const { port } = first.server.addr;
  await using tab = await browser.open(`http://${hostname}:${port}/`);
  await untilTotal(tab, "1 event");
  await first.stop();
  await tab.until(`document.querySelector(".status").dataset.state === "lost"`);
  feed.refuse("two", { hostname: "::1", port: 1 });
  const second = start(port);
  await untilTotal(tab, "2 events");
  await second.stop();
});

browserTest("the page fits a phone", async (browser) => {
  await using listener = listen();
  for (let i = 0; i < 50; i++) {
    listener.take("E_WITH_A_RATHER_LONG_NAME", { text: "x".repeat(300) });
  }
  await using tab = await browser.open(listener.url, {
    width: 360,
    height: 640,
  });
  await untilTotal(tab, "50 events");
  const fits = `document.documentElement.scrollWidth <= 360`;
  assert(await tab.evaluate(fits));
  await tab.click(".row");
  await tab.until(`document.querySelector(".details").clientWidth >= 350`);
  assert(await tab.evaluate(fits));
  await tab.click(".back");
  assert(await tab.evaluate(`${rowCount} > 5`));
});

browserTest(
  "the hub's page shows destinations, retries, and hostile text as text",
  async (browser) => {
    await using events = new EventInterface();
    const tally = new DeliveryTally();
    const evil = "<img src=x onerror=window.hacked=1>";
    events.subscribe(evil, "jsonrpc:10.0.0.7:8080", { expire: 3600 });
    tally.onDelivery(
      delivery({
        event: evil,
        outcome: "failed",
        error: new ConnectError(evil),
      }),
    );
    const aside = [1, 2].map((id) => ({
      id,
      event: evil,
      socket: evil,
      params: evil,
      error: evil,
      time: 0,
    }));
    const outbox = {
      stats: () => ({ waiting: 5, setAside: aside.length }),
      setAside: () => aside,
      retry: (id: string | number) => {
        aside.splice(aside.findIndex((event) => event.id === id), 1);
      },
      drop: () => {},
    };
    const stop = new AbortController();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      pageForHub(events, tally, { outbox, signal: stop.signal }),
    );
    await using tab = await browser.open(pageUrl(server.addr));
    const buttons = `document.querySelectorAll("td button").length`;
    await tab.until(`${buttons} === 4`);
    assert(
      await tab.evaluate(`document.querySelector(".state.down") !== null`),
    );
    assert(
      await tab.evaluate(
        `document.body.innerText.includes("5 waiting · 2 set aside")`,
      ),
    );
    await tab.click("td button");
    await tab.until(`${buttons} === 2`);
    assertEquals(aside.map(({ id }) => id), [2]);
    await tab.evaluate(`{
    const input = document.querySelector("input");
    input.value = "no such thing";
    input.dispatchEvent(new Event("input"));
  }`);
    await tab.until(`document.body.innerText.includes("none that matches")`);
    assertEquals(await tab.evaluate("typeof window.hacked"), "undefined");
    assertEquals(
      await tab.evaluate(`document.querySelectorAll("img").length`),
      0,
    );
    stop.abort();
  },
);
