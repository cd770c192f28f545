// The page of the Event Interface.

import {
  brand,
  clock,
  connect,
  count,
  el,
  post,
  say,
  span,
  status,
  toast,
} from "./common.js";
import { shown } from "./json_text.js";

let state;
/** How far the clock of the server is ahead of this one. */
let ahead = 0;

/**
 * A table whose rows are kept while they are shown, so that a selection or a
 * button under the pointer stays. A column is its title, its class, and a function
 * from a row to text or to an element.
 */
function table(title, columns, keyOf) {
  const body = el("tbody");
  const note = el("span", { className: "quiet" });
  const none = el("p", { className: "quiet" }, "none");
  const scroll = el(
    "div",
    { className: "table" },
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ...columns.map(([name, className]) =>
            el("th", { className, scope: "col" }, name)
          ),
        ),
      ),
      body,
    ),
  );
  const known = new Map();

  function newRow() {
    const cells = columns.map(([, className]) => el("td", { className }));
    return { cells, texts: [], element: el("tr", {}, ...cells) };
  }

  function fill(row, data) {
    columns.forEach(([, , render], i) => {
      const value = render(data);
      if (value instanceof Node) {
        // An element of its own, such as buttons: made once for a row.
        if (row.texts[i] === undefined) row.cells[i].replaceChildren(value);
        row.texts[i] = "element";
        return;
      }
      const [text, className] = Array.isArray(value) ? value : [value];
      const all = `${className ?? ""} ${text}`;
      if (row.texts[i] === all) return;
      row.texts[i] = all;
      row.cells[i].replaceChildren(
        className === undefined ? text : el("span", { className }, text),
      );
    });
  }

  function show(rows, total = rows.length) {
    const query = search.value.trim().toLowerCase();
    const wanted = query === ""
      ? rows
      : rows.filter((row) => JSON.stringify(row).toLowerCase().includes(query));
    const elements = wanted.map((data) => {
      const key = keyOf(data);
      let row = known.get(key);
      if (row === undefined) known.set(key, row = newRow());
      fill(row, data);
      return row.element;
    });
    const keys = new Set(wanted.map(keyOf));
    for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    const isSame = elements.length === body.children.length &&
      elements.every((element, i) => body.children[i] === element);
    if (!isSame) body.replaceChildren(...elements);
    none.hidden = wanted.length > 0;
    none.textContent = rows.length === 0 ? "none" : "none that matches";
    scroll.hidden = wanted.length === 0;
    note.textContent = wanted.length < total
      ? `${count(wanted.length)} of ${count(total)}`
      : count(total);
  }

  const section = el(
    "section",
    { "aria-label": title },
    el("h2", {}, title, note),
    none,
    scroll,
  );
  return { section, show };
}

const number = (get) => (row) => count(get(row));
const text = (get) => (row) => shown(get(row));

const STATES = {
  up: "up",
  down: "down",
  refusing: "refuses events",
  idle: "not used yet",
};

const destinations = table("Destinations", [
  [
    "destination",
    "",
    text((row) => row.destination + (row.tls ? " (TLS)" : "")),
  ],
  ["state", "", ({ state, since }) => [
    since === undefined
      ? STATES[state]
      : `down, since ${clock(since).slice(0, 8)}`,
    `state ${state}`,
  ]],
  ["mode", "", ({ syncMode }) => syncMode ? "sync" : "async"],
  [
    "events/s",
    "number",
    ({ rate }) =>
      rate === 0 ? "0" : rate < 10 ? rate.toFixed(1) : count(Math.round(rate)),
  ],
  ["delivered", "number", number((row) => row.delivered)],
  [
    "failed",
    "number",
    ({ failed }) => failed > 0 ? [count(failed), "error"] : "0",
  ],
  ["queued", "number", number((row) => row.queued)],
  ["in flight", "number", number((row) => row.inFlight)],
  [
    "last error",
    "wide",
    ({ lastFailure }) =>
      lastFailure === undefined
        ? ""
        : `${ago(lastFailure.time)}: ${shown(lastFailure.error)}`,
  ],
], ({ destination, tls, syncMode }) => `${destination} ${tls} ${syncMode}`);

const subscribers = table("Subscribers", [
  ["event", "", text((row) => row.event)],
  ["socket", "wide", text((row) => row.socket)],
  ["time left", "number", left],
], ({ event, socket }) => JSON.stringify([event, socket]));

const events = table("Events", [
  ["event", "wide", text((row) => row.name)],
  ["id", "number", ({ id }) => String(id)],
  ["subscribers", "number", number((row) => row.subscribers)],
  ["deliveries", "number", number((row) => row.deliveries)],
], ({ name }) => name);

const setAside = table("Set aside", [
  ["", "", ({ id }) =>
    el(
      "span",
      { className: "actions" },
      el("button", { onclick: () => decide("retry", id) }, "Retry"),
      el("button", { onclick: () => decide("drop", id) }, "Drop"),
    )],
  ["since", "", ({ time }) => clock(time)],
  ["event", "", text((row) => row.event)],
  ["socket", "wide", text((row) => row.socket)],
  ["params", "wide", text((row) => (row.params ?? "").slice(0, 300))],
  ["why", "wide", text((row) => row.error)],
  ["tries", "number", ({ attempts }) => String(attempts ?? "")],
], ({ id }) => id);

const failures = table("Last failures", [
  ["time", "", ({ time }) => clock(time)],
  [
    "event",
    "",
    ({ event, count: n }) => shown(event) + (n > 1 ? ` × ${count(n)}` : ""),
  ],
  ["socket", "wide", text((row) => row.socket)],
  ["cause", "", ({ cause }) => cause.replace("_", " ")],
  ["after", "number", ({ ms }) => span(ms)],
  ["error", "wide", text((row) => row.error)],
], ({ time, event, socket }) => JSON.stringify([time, event, socket]));

function ago(time) {
  const seconds = Math.floor((Date.now() + ahead - time) / 1000);
  return seconds < 1 ? "just now" : `${span(seconds * 1000)} ago`;
}

function left({ expiresAt, expire }) {
  if (expiresAt !== undefined) {
    const ms = Math.max(
      0,
      Math.ceil((expiresAt - Date.now() - ahead) / 1000) * 1000,
    );
    return span(ms);
  }
  return expire === undefined ? "for ever" : `of ${span(expire * 1000)}`;
}

async function decide(action, id) {
  if (await post(`/outbox/${action}`, { id })) {
    say(action === "retry" ? "It is tried again" : "Dropped");
  }
}

function show() {
  if (state === undefined) return;
  const { totals, outbox } = state;
  destinations.show(state.destinations, totals.destinations);
  subscribers.show(state.subscribers, totals.subscribers);
  events.show(state.events, totals.events);
  failures.show(state.failures);
  outboxSection.hidden = outbox === undefined;
  setAside.section.hidden = outbox === undefined;
  if (outbox === undefined) return;
  setAside.show(outbox.events, outbox.setAside);
  const facts = [`${count(outbox.waiting)} waiting`];
  if (outbox.oldestMs > 0) {
    facts.push(`the oldest for ${span(outbox.oldestMs)}`);
  }
  facts.push(`${count(outbox.setAside)} set aside`);
  if (outbox.bytes !== undefined) {
    facts.push(`${(outbox.bytes / 1024 / 1024).toFixed(1)} MiB`);
  }
  outboxFacts.replaceChildren(
    facts.join(" · "),
    ...outbox.problem === undefined
      ? []
      : [el("span", { className: "error" }, ` ${shown(outbox.problem)}`)],
  );
}

const search = el("input", {
  type: "search",
  placeholder: "Search events, sockets, errors",
  spellcheck: false,
  autocomplete: "off",
  "aria-label": "Search",
  oninput: show,
});
const outboxFacts = el("p");
const outboxSection = el(
  "section",
  { hidden: true, "aria-label": "Outbox" },
  el("h2", {}, "Outbox"),
  outboxFacts,
);

document.title = "event-jsonrpc hub";
document.body.append(
  el(
    "header",
    { className: "bar" },
    brand(),
    el("code", { className: "socket" }, `hub at ${location.host}`),
    status,
    search,
  ),
  el(
    "main",
    { className: "hub" },
    destinations.section,
    outboxSection,
    setAside.section,
    subscribers.section,
    events.section,
    failures.section,
  ),
  toast,
);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && event.target !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape") {
    search.value = "";
    search.blur();
    show();
  }
});

connect("/state", {
  hello({ time }) {
    ahead = time - Date.now();
  },
  state(data) {
    state = data;
    show();
  },
  problem: (message) => say(message),
});
// What is said in "ago" and "left" goes on without news.
setInterval(show, 1000);
