// The page of the receiving end: the search, the list, one event, and what can be
// done.

import {
  brand,
  connect,
  copyText,
  count,
  el,
  post,
  say,
  status,
  toast,
} from "./common.js";
import { commandOf } from "./command.js";
import { EventDetails } from "./details.js";
import { wordFor, wordsOf } from "./filter.js";
import { shown } from "./json_text.js";
import { EventList } from "./list.js";
import { colorOf } from "./row.js";
import { EventStore } from "./store.js";

const store = new EventStore();
/** Which run of the listener it is, and its socket. */
let run, socket;

// --- what is shown

const search = el("input", {
  type: "search",
  placeholder: "Search: text, event:, peer:, param=value, is:error, -not",
  spellcheck: false,
  autocomplete: "off",
  "aria-label": "Search",
  oninput: filter,
});
const socketText = el("code", { className: "socket" });
const total = el("span", { className: "total quiet", role: "status" });
const pause = button("Pause", "Pause (p)", pauseOrResume);
const chips = el("nav", { className: "chips", "aria-label": "Events" });
const details = new EventDetails({
  toggle,
  copyCommand,
  resized: () => list.draw(),
});
const list = new EventList({
  events: () => store.visible,
  open(event) {
    list.select(event);
    details.show(event);
  },
  drawn() {
    showTotals();
    showChips();
  },
  nothing: () => store.all.length > 0 ? nothingMatches() : nothingYet(),
});

function button(text, title, onclick) {
  return el("button", { title, onclick }, text);
}

function nothingMatches() {
  return [
    el("p", {}, "No event matches the filter."),
    el("button", { onclick: clearFilter }, "Show all"),
  ];
}

function nothingYet() {
  const title = el("p", {}, "No events yet.");
  if (socket === undefined) return [title];
  const command = `event-jsonrpc raise ${socket} E_TEST name=value`;
  const hint = el("p", { className: "quiet" }, "Send one: ");
  hint.append(el("code", {}, command));
  return [title, hint];
}

function showTotals() {
  const { all, visible, missed, waiting, isPaused } = store;
  const parts = [`${count(all.length)} event${all.length === 1 ? "" : "s"}`];
  if (visible !== all) parts.unshift(`${count(visible.length)} of`);
  if (missed > 0) parts.push(`· ${count(missed)} came too fast to be shown`);
  total.textContent = parts.join(" ");
  pause.textContent = !isPaused
    ? "Pause"
    : waiting.length === 0
    ? "Resume"
    : `Resume (${count(waiting.length)})`;
  pause.setAttribute("aria-pressed", isPaused);
  document.title = all.length === 0
    ? "event-jsonrpc"
    : `(${count(all.length)}) event-jsonrpc`;
}

/** How many methods are shown as buttons that filter, those with most events. */
const MAX_CHIPS = 30;

function showChips() {
  const methods = [...store.counts].sort((a, b) =>
    b[1] - a[1] || (a[0] < b[0] ? -1 : 1)
  ).slice(0, MAX_CHIPS);
  const words = wordsOf(search.value);
  const old = [...chips.children];
  const used = methods.map(([method, n], i) => {
    const chip = old[i] ?? newChip();
    const word = wordFor("event:", method);
    if (chip.dataset.word !== word) {
      chip.dataset.word = word;
      chip.children[0].style.backgroundColor = colorOf(method);
      chip.children[1].textContent = shown(method.slice(0, 60));
    }
    chip.children[2].textContent = count(n);
    chip.setAttribute("aria-pressed", words.includes(word));
    return chip;
  });
  if (used.length !== old.length) chips.replaceChildren(...used);
}

function newChip() {
  const chip = el(
    "button",
    { className: "chip", onclick: () => toggle(chip.dataset.word) },
    el("span", { className: "dot" }),
    el("span"),
    el("span", { className: "quiet" }),
  );
  return chip;
}

// --- what can be done

function filter() {
  store.filter(search.value);
  list.followNewest();
}

function clearFilter() {
  search.value = "";
  filter();
}

/** Adds a word to the query, or takes it out. */
function toggle(word) {
  const words = wordsOf(search.value);
  const others = words.filter((other) => other !== word);
  if (others.length === words.length) others.push(word);
  search.value = others.join(" ");
  filter();
}

function pauseOrResume() {
  if (store.isPaused) list.rowsGone(store.resume());
  else store.pause();
  list.draw();
}

function clear() {
  post("/clear");
}

async function copyCommand() {
  const event = list.selected;
  if (event === undefined || event.method === null) return;
  await copyText(commandOf(event, socket));
  say("Copied as a command");
}

/** Saves what is shown as lines that `pump` takes. */
function download() {
  const lines = [];
  for (const { method, params } of store.visible) {
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

/** Does what moves the selection; an open event follows it. */
function go(move) {
  move();
  if (details.isOpen) details.show(list.selected);
}

const KEYS = {
  "/": [() => search.focus(), "search"],
  j: [() => go(() => list.step(1)), "next event (also ↓)"],
  k: [() => go(() => list.step(-1)), "previous event (also ↑)"],
  Enter: [
    () => list.selected !== undefined && details.show(list.selected),
    "open the event",
  ],
  Escape: [
    () => details.isOpen ? details.close() : clearFilter(),
    "close the event; show all",
  ],
  g: [() => go(() => list.selectAt(0)), "oldest event (also Home)"],
  G: [
    () => go(() => list.selectAt(store.visible.length)),
    "newest event (also End)",
  ],
  p: [pauseOrResume, "pause, resume"],
  r: [() => details.toggleRaw(), "params or raw"],
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
  PageDown: () => go(() => list.step(list.page)),
  PageUp: () => go(() => list.step(-list.page)),
};
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

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (target === search) {
    if (key === "Escape" || key === "Enter") list.focus();
    else if (key === "ArrowDown") ALSO.ArrowDown();
    return;
  }
  const isButton = target instanceof HTMLButtonElement;
  if (isButton && (key === "Enter" || key === " ")) return;
  const action = KEYS[key]?.[0] ?? ALSO[key];
  if (action === undefined) return;
  event.preventDefault();
  action();
});

// --- the page

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
  el("main", {}, list.element, details.element),
  help,
  toast,
);

/** The number of the event that was selected before the connection was lost. */
let lost;

function reset() {
  store.reset();
  details.close();
  list.select(undefined);
  list.followNewest();
}

function eventOf([seq, time, peer, method, params, id, response, isError, ms]) {
  return { seq, time, peer, method, params, id, response, isError, ms };
}

connect("/events", {
  hello(greeting) {
    lost = run === greeting.run ? list.selected?.seq : undefined;
    ({ run, socket } = greeting);
    store.maxEvents = greeting.maxEvents;
    socketText.textContent = socket ?? "";
    reset();
  },
  events({ events, late = [], missed = 0 }) {
    store.missed += missed;
    list.rowsGone(store.take(events.map(eventOf)));
    for (const response of late) {
      const event = store.respond(response);
      if (event === undefined) continue;
      list.refresh(event);
      details.refresh(event);
    }
    list.drawSoon();
    const event = lost === undefined ? undefined : store.event(lost);
    if (event === undefined) return;
    lost = undefined;
    list.select(event);
  },
  clear: reset,
});
