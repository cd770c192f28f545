// The page of the receiving end.

import {
  brand,
  clock,
  connect,
  copyText,
  count,
  el,
  hueOf,
  post,
  pretty,
  say,
  span,
  status,
  toast,
} from "./common.js";
import { commandOf, rawOf } from "./command.js";
import { Deque } from "./deque.js";
import { matcherOf, wordFor, wordsOf } from "./filter.js";
import { members, shown } from "./json_text.js";

// --- the events

let maxEvents = 100_000;
let run, socket;
let all = new Deque();
/** Those that the filter lets through; `all` itself without one. */
let visible = all;
/** Those that came while the page was paused; `undefined`: it is not. */
let waiting;
let missed = 0;
/** How many events of each method there are. */
const counts = new Map();
let selected;
let isReading = false;
/** The number of the event that was selected before the connection was lost. */
let wanted;

function eventOf([seq, time, peer, method, params, id, response, isError, ms]) {
  return { seq, time, peer, method, params, id, response, isError, ms };
}

function reset() {
  all = visible = new Deque();
  matches = matcherOf(search.value);
  if (matches !== undefined) visible = new Deque();
  if (waiting !== undefined) waiting = new Deque();
  counts.clear();
  missed = 0;
  follow = true;
  select(undefined);
  showChips();
  render();
}

function add(event) {
  all.push(event);
  const { method } = event;
  if (method !== null) counts.set(method, (counts.get(method) ?? 0) + 1);
  if (matches?.(event)) visible.push(event);
}

/** Drops the oldest; what is looked at stays where it is. */
function trim() {
  let dropped = 0;
  while (all.length > maxEvents) {
    if (visible !== all && visible.at(0) === all.at(0)) {
      visible.shift();
      dropped++;
    }
    const { method } = all.shift();
    if (visible === all) dropped++;
    const left = (counts.get(method) ?? 1) - 1;
    if (left > 0) counts.set(method, left);
    else counts.delete(method);
  }
  if (dropped > 0 && !follow) list.scrollTop -= dropped * rowHeight;
}

function take(events) {
  if (waiting === undefined) {
    for (const event of events) add(event);
    trim();
  } else {
    for (const event of events) waiting.push(event);
    while (waiting.length > maxEvents) waiting.shift();
  }
  chipsAreStale = true;
  render(true);
}

function respond([seq, response, isError, ms]) {
  for (const events of waiting === undefined ? [all] : [all, waiting]) {
    const event = events.at(events.indexOf(seq));
    if (event?.seq !== seq) continue;
    Object.assign(event, { response, isError, ms });
    if (event === selected) showDetails();
    for (const row of rows) if (row.event === event) row.event = undefined;
    const isNew = matches?.(event) &&
      visible.at(visible.indexOf(seq)) !== event;
    if (isNew && events === all) refilter(); // such as is:error
  }
}

// --- the filter

let matches;

function refilter() {
  matches = matcherOf(search.value);
  if (matches === undefined) visible = all;
  else {
    visible = new Deque();
    for (const event of all) if (matches(event)) visible.push(event);
  }
  follow = true;
  showChips();
  render();
}

/** Adds a term to the query, or takes it out. */
function toggle(term) {
  const terms = wordsOf(search.value);
  const others = terms.filter((other) => other !== term);
  if (others.length === terms.length) others.push(term);
  search.value = others.join(" ");
  refilter();
}

// --- the list: rows exist only for what is in sight

const MAX_SUMMARY = 300;
let rowHeight = 28;
let follow = true;
let isScheduled = false, isDelayed = false, drawTimer;
const rows = [];

/** How often rows change at most while events pour in: nobody reads faster. */
const DRAW_MS = 100;
let drawnAt = -Infinity;

/** Draws soon: at the next frame, unless `isPatient` and it was just done. */
function render(isPatient = false) {
  if (isScheduled && (isPatient || !isDelayed)) return;
  const wait = drawnAt + DRAW_MS - performance.now();
  isScheduled = true;
  isDelayed = isPatient && wait > 0;
  clearTimeout(drawTimer);
  if (isDelayed) drawTimer = setTimeout(nextFrame, wait);
  else nextFrame();
}

function nextFrame() {
  isDelayed = false;
  // In a tab that nobody sees there are no frames, but its title goes on.
  if (document.hidden) drawTimer = setTimeout(drawNow, DRAW_MS);
  else requestAnimationFrame(drawNow);
}

function drawNow() {
  isScheduled = false;
  drawnAt = performance.now();
  draw();
}

function draw() {
  const { length } = visible;
  content.style.height = `${length * rowHeight}px`;
  if (follow) list.scrollTop = length * rowHeight;
  const first = Math.max(0, Math.floor(list.scrollTop / rowHeight) - 4);
  const last = Math.min(
    length,
    Math.ceil((list.scrollTop + list.clientHeight) / rowHeight) + 4,
  );
  while (rows.length < last - first) rows.push(newRow());
  for (const row of rows) row.isUsed = false;
  for (let i = first; i < last; i++) {
    const row = rows[i % rows.length];
    row.isUsed = true;
    fill(row, visible.at(i), i);
  }
  for (const row of rows) row.element.hidden = !row.isUsed;
  list.classList.toggle("empty", length === 0);
  empty.hidden = length > 0;
  if (length === 0) {
    empty.replaceChildren(
      ...(all.length > 0 ? NOTHING_MATCHES() : NOTHING_YET()),
    );
  }
  jump.hidden = follow || length === 0;
  showSummary();
  if (chipsAreStale) showChips();
}

function newRow() {
  const cell = (className) => el("span", { className });
  const row = {
    event: undefined,
    index: -1,
    isUsed: false,
    dot: cell("dot"),
    time: cell("time"),
    method: cell("method"),
    params: cell("params"),
    peer: cell("peer"),
    response: cell("response"),
  };
  row.element = el(
    "div",
    {
      className: "row",
      role: "option",
      onclick: () => {
        select(row.event);
        openDetails();
      },
    },
    row.dot,
    row.time,
    row.method,
    row.params,
    row.peer,
    row.response,
  );
  content.append(row.element);
  return row;
}

function fill(row, event, index) {
  if (row.index !== index) {
    row.index = index;
    row.element.style.transform = `translateY(${index * rowHeight}px)`;
    row.element.setAttribute("aria-posinset", index + 1);
  }
  const isSelected = event === selected;
  row.element.setAttribute("aria-selected", isSelected);
  row.element.id = `event-${event.seq}`;
  if (row.event === event) return;
  row.event = event;
  row.element.classList.toggle("refused", event.method === null);
  row.dot.style.backgroundColor = event.method === null
    ? ""
    : `hsl(${hueOf(event.method)} 55% 55%)`;
  row.time.textContent = clock(event.time);
  row.method.textContent = event.method === null
    ? "refused"
    : shown(event.method.slice(0, MAX_SUMMARY));
  row.params.replaceChildren(summary(event));
  row.peer.textContent = shown(event.peer);
  row.response.className = `response ${event.isError ? "error" : ""}`;
  row.response.textContent = responseSummary(event);
}

/** The params on one line: names in a quiet colour, values beside them. */
function summary({ method, params }) {
  const out = document.createDocumentFragment();
  if (method === null) {
    out.append(shown(params.slice(0, MAX_SUMMARY)));
    return out;
  }
  if (params.length > 5000) {
    out.append(shown(params.slice(0, MAX_SUMMARY)));
    return out;
  }
  let length = 0;
  for (const [name, value] of members(params)) {
    if (length > MAX_SUMMARY) break;
    if (length > 0) out.append("  ");
    if (name !== undefined) {
      out.append(el("span", { className: "json-name" }, shown(name)), "=");
    }
    const plain = value[0] === '"' ? JSON.parse(value) : value;
    out.append(shown(plain.slice(0, MAX_SUMMARY)));
    length += (name?.length ?? 0) + plain.length + 3;
  }
  return out;
}

function responseSummary({ method, id, response, isError, ms }) {
  if (method === null) return "";
  if (response === null) return id === "null" ? "" : "…";
  if (isError) {
    const { code, message } = JSON.parse(response);
    return `${code} ${shown(String(message).slice(0, 100))}`;
  }
  return id === "null" ? "" : `${shown(response.slice(0, 60))} · ${span(ms)}`;
}

function showSummary() {
  const parts = [`${count(all.length)} event${all.length === 1 ? "" : "s"}`];
  if (visible !== all) parts.unshift(`${count(visible.length)} of`);
  if (missed > 0) parts.push(`· ${count(missed)} came too fast to be shown`);
  total.textContent = parts.join(" ");
  const isPaused = waiting !== undefined;
  pause.textContent = isPaused ? "Resume" : "Pause";
  if (isPaused && waiting.length > 0) {
    pause.textContent += ` (${count(waiting.length)})`;
  }
  pause.setAttribute("aria-pressed", isPaused);
  document.title = all.length === 0
    ? "event-jsonrpc"
    : `(${count(all.length)}) event-jsonrpc`;
}

const NOTHING_MATCHES = () => [
  el("p", {}, "No event matches the filter."),
  el("button", { onclick: clearFilter }, "Show all"),
];

const NOTHING_YET = () =>
  [
    el("p", {}, "No events yet."),
    socket === undefined ? undefined : el(
      "p",
      { className: "quiet" },
      "Send one: ",
      el("code", {}, `event-jsonrpc raise ${socket} E_TEST name=value`),
    ),
  ].filter((part) => part !== undefined);

// --- the names, as buttons that filter

const MAX_CHIPS = 30;
let chipsAreStale = false;

function showChips() {
  chipsAreStale = false;
  const names = [...counts].sort((a, b) =>
    b[1] - a[1] || (a[0] < b[0] ? -1 : 1)
  ).slice(0, MAX_CHIPS);
  const terms = wordsOf(search.value);
  const old = [...chips.children];
  const used = names.map(([name, n], i) => {
    const chip = old[i] ?? newChip();
    const term = wordFor("event:", name);
    if (chip.dataset.term !== term) {
      chip.dataset.term = term;
      chip.firstChild.style.backgroundColor = `hsl(${hueOf(name)} 55% 55%)`;
      chip.children[1].textContent = shown(name.slice(0, 60));
    }
    chip.lastChild.textContent = count(n);
    chip.setAttribute("aria-pressed", terms.includes(term));
    return chip;
  });
  if (used.length !== old.length) chips.replaceChildren(...used);
  chips.hidden = used.length === 0;
}

function newChip() {
  const chip = el(
    "button",
    { className: "chip", onclick: () => toggle(chip.dataset.term) },
    el("span", { className: "dot" }),
    el("span"),
    el("span", { className: "quiet" }),
  );
  return chip;
}

// --- one event

let isRaw = false;

function select(event) {
  selected = event;
  for (const row of rows) {
    row.element.setAttribute(
      "aria-selected",
      event !== undefined && row.event === event,
    );
  }
  if (event === undefined) {
    list.removeAttribute("aria-activedescendant");
    closeDetails();
  } else list.setAttribute("aria-activedescendant", `event-${event.seq}`);
  if (isReading) showDetails();
}

function openDetails() {
  if (selected === undefined) return;
  isReading = true;
  document.body.classList.add("reading");
  showDetails();
  render();
}

function closeDetails() {
  if (!isReading) return;
  isReading = false;
  document.body.classList.remove("reading");
  details.replaceChildren();
  render();
}

function showDetails() {
  const event = selected;
  if (event === undefined) return;
  const isRefused = event.method === null;
  const fact = (name, value, term) =>
    el(
      "div",
      {},
      el("dt", {}, name),
      el(
        "dd",
        {},
        term === undefined ? value : el("button", {
          className: "link",
          title: "Filter by this",
          onclick: () => toggle(term),
        }, value),
      ),
    );
  details.replaceChildren(
    el(
      "header",
      {},
      el("button", {
        className: "back",
        "aria-label": "Close",
        title: "Close (Esc)",
        onclick: closeDetails,
      }, "✕"),
      el("h2", {}, isRefused ? "refused" : shown(event.method)),
      isRefused ? undefined : el(
        "button",
        { onclick: copyCommand, title: "Copy as command (c)" },
        "Copy as raise",
      ),
    ),
    el(
      "dl",
      {},
      fact("time", new Date(event.time).toISOString().replace("T", " ")),
      fact("peer", shown(event.peer), wordFor("peer:", event.peer)),
      isRefused
        ? undefined
        : fact("event", shown(event.method), wordFor("event:", event.method)),
      isRefused ? undefined : fact(
        "kind",
        event.id === "null" ? "notification" : `request, id ${shown(event.id)}`,
      ),
    ),
    isRefused ? section("Why", el("pre", {}, shown(event.params))) : section(
      el(
        "span",
        { className: "tabs", role: "tablist" },
        tab("Params", !isRaw, false),
        tab("Raw", isRaw, true),
      ),
      el("pre", {}, isRaw ? shown(rawOf(event)) : pretty(event.params)),
      isRaw ? rawOf(event) : event.params,
    ),
    isRefused ? undefined : section(
      "Response",
      responseOf(event),
      event.response || undefined,
    ),
  );
}

function tab(name, isSelected, raw) {
  return el("button", {
    className: "tab",
    role: "tab",
    "aria-selected": isSelected,
    onclick: () => {
      isRaw = raw;
      showDetails();
    },
  }, name);
}

function section(title, body, copied) {
  return el(
    "section",
    {},
    el(
      "h3",
      {},
      title,
      copied === undefined ? undefined : el("button", {
        className: "link copy",
        onclick: async () => {
          await copyText(copied);
          say("Copied");
        },
      }, "copy"),
    ),
    body,
  );
}

function responseOf({ id, response, isError, ms }) {
  if (response === null) return el("p", { className: "quiet" }, "not yet");
  const took = el("p", { className: "quiet" }, `after ${span(ms)}`);
  if (id === "null" && !isError) {
    took.textContent = `none, as it is a notification; handled in ${span(ms)}`;
    return took;
  }
  const body = el(
    "pre",
    { className: isError ? "error" : "" },
    pretty(response),
  );
  return el("div", {}, body, took);
}

// --- what can be done

function pauseOrResume() {
  if (waiting === undefined) waiting = new Deque();
  else {
    const events = waiting;
    waiting = undefined;
    take(events);
  }
  render();
}

function clearFilter() {
  search.value = "";
  refilter();
}

async function copyCommand() {
  if (selected === undefined || selected.method === null) return;
  await copyText(commandOf(selected, socket));
  say("Copied as a command");
}

/** Saves what is shown as lines that `pump` takes. */
function download() {
  const lines = [];
  for (const { method, params } of visible) {
    if (method === null) continue;
    // Between the values of JSON there may be line breaks, in its texts none.
    const line = params.replace(/[\t\n\r]/g, " ");
    lines.push(`{"event":${JSON.stringify(method)},"params":${line}}\n`);
  }
  const blob = new Blob(lines, { type: "application/x-ndjson" });
  const href = URL.createObjectURL(blob);
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "");
  el("a", { href, download: `events-${stamp}.ndjson` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
  say(`Saved ${count(lines.length)} events`);
}

function clear() {
  post("/clear");
}

function move(to) {
  if (visible.length === 0) return;
  const index = Math.max(0, Math.min(visible.length - 1, to));
  select(visible.at(index));
  const top = index * rowHeight;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + rowHeight > list.scrollTop + list.clientHeight) {
    list.scrollTop = top + rowHeight - list.clientHeight;
  }
  follow = isAtEnd();
  render();
}

/** Moves the selection; without one, it begins at what is seen last. */
function step(by) {
  if (selected === undefined) {
    const last = Math.floor((list.scrollTop + list.clientHeight) / rowHeight);
    return move(Math.min(last, visible.length) - 1);
  }
  const index = visible.indexOf(selected.seq);
  const isThere = visible.at(index) === selected;
  move(index + (isThere || by < 0 ? by : by - 1));
}

function isAtEnd() {
  return list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
}

const pageStep = () =>
  Math.max(1, Math.floor(list.clientHeight / rowHeight) - 1);

const KEYS = {
  "/": [() => search.focus(), "search"],
  j: [() => step(1), "next event (also ↓)"],
  k: [() => step(-1), "previous event (also ↑)"],
  Enter: [openDetails, "open the event"],
  Escape: [
    () => isReading ? closeDetails() : clearFilter(),
    "close the event; show all",
  ],
  g: [() => move(0), "oldest event (also Home)"],
  G: [() => move(visible.length), "newest event (also End)"],
  p: [pauseOrResume, "pause, resume"],
  r: [() => {
    isRaw = !isRaw;
    showDetails();
  }, "params or raw"],
  c: [copyCommand, "copy as raise command"],
  d: [download, "download what is shown"],
  X: [clear, "clear"],
  "?": [() => help.showModal(), "these keys"],
};
const ALSO = {
  ArrowDown: KEYS.j[0],
  ArrowUp: KEYS.k[0],
  Home: KEYS.g[0],
  End: KEYS.G[0],
  PageDown: () => step(pageStep()),
  PageUp: () => step(-pageStep()),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.target === search) {
    if (event.key === "Escape" || event.key === "Enter") list.focus();
    else if (event.key === "ArrowDown") ALSO.ArrowDown();
    return;
  }
  const isButton = event.target instanceof HTMLButtonElement;
  if (isButton && (event.key === "Enter" || event.key === " ")) return;
  const action = KEYS[event.key]?.[0] ?? ALSO[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
});

// --- the page itself

const search = el("input", {
  type: "search",
  placeholder: "Search: text, event:, peer:, param=value, is:error, -not",
  spellcheck: false,
  autocomplete: "off",
  "aria-label": "Search",
  oninput: () => refilter(),
});
const socketText = el("code", { className: "socket" });
const total = el("span", { className: "total quiet", role: "status" });
const button = (text, title, onclick) => el("button", { title, onclick }, text);
const pause = button("Pause", "Pause (p)", pauseOrResume);
const chips = el("nav", {
  className: "chips",
  "aria-label": "Events",
  hidden: true,
});
const content = el("div", { className: "content" });
const empty = el("div", { className: "nothing" });
const jump = el("button", {
  className: "jump",
  hidden: true,
  onclick: () => {
    follow = true;
    render();
  },
}, "↓ newest");
const list = el(
  "div",
  {
    className: "list",
    role: "listbox",
    tabIndex: 0,
    "aria-label": "Events",
    onscroll: () => {
      const isNowAtEnd = isAtEnd();
      if (isNowAtEnd !== follow) follow = isNowAtEnd;
      render();
    },
  },
  content,
  empty,
);
const details = el("article", { className: "details", "aria-label": "Event" });
const help = el(
  "dialog",
  {
    className: "help",
    onclick: ({ target }) => target === help && help.close(),
  },
  el("h2", {}, "Keys"),
  el(
    "dl",
    {},
    ...Object.entries(KEYS).map(([key, [, text]]) =>
      el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, text))
    ),
  ),
  el("button", { onclick: () => help.close() }, "Close"),
);

document.body.append(
  el(
    "header",
    { className: "bar" },
    brand(),
    socketText,
    status,
    search,
    el(
      "span",
      { className: "actions" },
      pause,
      button("Clear", "Clear (Shift+X)", clear),
      button("Download", "Download as lines for pump (d)", download),
      button("?", "Keys (?)", () => help.showModal()),
    ),
  ),
  el("div", { className: "under" }, chips, total),
  el("main", {}, el("div", { className: "events" }, list, jump), details),
  help,
  toast,
);

/** Rows have two lines where there is little room. */
const narrow = matchMedia("(max-width: 46rem)");
function measure() {
  rowHeight = narrow.matches ? 46 : 28;
  for (const row of rows) row.index = -1;
  render();
}
narrow.addEventListener("change", measure);
document.addEventListener("visibilitychange", drawNow);
new ResizeObserver(() => render()).observe(list);
measure();

connect("/events", {
  hello(greeting) {
    ({ maxEvents } = greeting);
    socket = greeting.socket;
    socketText.textContent = socket ?? "";
    const seq = run === greeting.run ? selected?.seq : undefined;
    run = greeting.run;
    reset();
    wanted = seq;
  },
  events({ events, late = [], missed: more = 0 }) {
    missed += more;
    take(events.map(eventOf));
    late.forEach(respond);
    render(true);
    if (wanted !== undefined && all.indexOf(wanted) < all.length) {
      const event = all.at(all.indexOf(wanted));
      if (event.seq === wanted) select(event);
      wanted = undefined;
    }
  },
  clear: reset,
});
