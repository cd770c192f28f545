// One event as a row of the list.

import { clock, el, hueOf, span } from "./common.js";
import { members, shown } from "./json_text.js";

/** How much of the params is shown, and how long they may be to be taken apart. */
const MAX_SUMMARY = 300, MAX_PARSED = 5000;

/** A row, which shows one event after another. */
export class Row {
  isUsed = false;
  #event;
  #top;
  #cells = Object.fromEntries(
    ["dot", "time", "method", "params", "peer", "response"].map((name) => [
      name,
      el("span", { className: name }),
    ]),
  );
  element;

  /** Constructs a row; `onClick` gets its event. */
  constructor(onClick) {
    this.element = el("div", {
      className: "row",
      role: "option",
      onclick: () => onClick(this.#event),
    }, ...Object.values(this.#cells));
  }

  /** Shows an event at a place of the list. */
  show(event, index, top, isSelected) {
    if (this.#top !== top) {
      this.#top = top;
      this.element.style.transform = `translateY(${top}px)`;
      this.element.setAttribute("aria-posinset", index + 1);
    }
    this.element.setAttribute("aria-selected", isSelected);
    if (this.#event === event) return;
    this.#event = event;
    this.element.id = idOf(event);
    this.element.classList.toggle("refused", event.method === null);
    const { dot, time, method, params, peer, response } = this.#cells;
    dot.style.backgroundColor = event.method === null
      ? ""
      : colorOf(event.method);
    time.textContent = clock(event.time);
    method.textContent = event.method === null
      ? "refused"
      : shown(event.method.slice(0, MAX_SUMMARY));
    params.replaceChildren(...summaryOf(event));
    peer.textContent = shown(event.peer);
    response.className = `response ${event.isError ? "error" : ""}`;
    response.textContent = responseOf(event);
  }

  /** Draws an event anew that has changed, if it is the one of this row. */
  refresh(event) {
    if (this.#event === event) this.#event = undefined;
  }
}

/** The id of an event's row. */
export function idOf({ seq }) {
  return `event-${seq}`;
}

/** The colour of a method, always the same one. */
export function colorOf(method) {
  return `hsl(${hueOf(method)} 55% 55%)`;
}

/** The params on one line: names in a quiet colour, values beside them. */
function summaryOf({ method, params }) {
  if (method === null || params.length > MAX_PARSED) {
    return [shown(params.slice(0, MAX_SUMMARY))];
  }
  const parts = [];
  let length = 0;
  for (const [name, value] of members(params)) {
    if (length > MAX_SUMMARY) break;
    if (length > 0) parts.push("  ");
    if (name !== undefined) {
      parts.push(el("span", { className: "json-name" }, shown(name)), "=");
    }
    const text = value[0] === '"' ? JSON.parse(value) : value;
    parts.push(shown(text.slice(0, MAX_SUMMARY)));
    length += (name?.length ?? 0) + text.length + 3;
  }
  return parts;
}

function responseOf({ method, id, response, isError, ms }) {
  if (method === null) return "";
  if (response === null) return id === "null" ? "" : "…";
  if (isError) {
    const { code, message } = JSON.parse(response);
    return `${code} ${shown(String(message).slice(0, 100))}`;
  }
  return id === "null" ? "" : `${shown(response.slice(0, 60))} · ${span(ms)}`;
}
