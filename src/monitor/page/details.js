// One event, with all that is known of it.

import { copyText, el, pretty, say, span } from "./common.js";
import { rawOf } from "./command.js";
import { wordFor } from "./filter.js";
import { shown } from "./json_text.js";

export class EventDetails {
  #hooks;
  #event;
  #isRaw = false;
  element = el("article", { className: "details", "aria-label": "Event" });

  /**
   * Constructs it, closed. Hooks: `toggle(word)` adds a word to the query or takes
   * it out, `copyCommand()` copies the event, `resized()` is called when it was
   * opened or closed.
   */
  constructor(hooks) {
    this.#hooks = hooks;
  }

  get isOpen() {
    return this.#event !== undefined;
  }

  /** Opens it with an event, or shows another one. */
  show(event) {
    const wasOpen = this.isOpen;
    this.#event = event;
    this.#fill();
    if (wasOpen) return;
    document.body.classList.add("reading");
    this.#hooks.resized();
  }

  close() {
    if (!this.isOpen) return;
    this.#event = undefined;
    document.body.classList.remove("reading");
    this.element.replaceChildren();
    this.#hooks.resized();
  }

  /** An event has changed. */
  refresh(event) {
    if (this.#event === event) this.#fill();
  }

  /** Changes between the params and the whole message. */
  toggleRaw() {
    this.#isRaw = !this.#isRaw;
    if (this.isOpen) this.#fill();
  }

  #fill() {
    const event = this.#event;
    const parts = event.method === null
      ? [
        this.#header("refused"),
        el("dl", {}, ...this.#whenAndWho()),
        section("Why", el("pre", {}, shown(event.params))),
      ]
      : [
        this.#header(
          shown(event.method),
          el("button", {
            onclick: this.#hooks.copyCommand,
            title: "Copy as command (c)",
          }, "Copy as raise"),
        ),
        el("dl", {}, ...this.#whenAndWho(), ...this.#whatAndHow()),
        this.#message(),
        section("Response", responseOf(event), event.response || undefined),
      ];
    this.element.replaceChildren(...parts);
  }

  #header(title, button) {
    return el(
      "header",
      {},
      el("button", {
        className: "back",
        "aria-label": "Close",
        title: "Close (Esc)",
        onclick: () => this.close(),
      }, "✕"),
      el("h2", {}, title),
      button,
    );
  }

  #whenAndWho() {
    const { time, peer } = this.#event;
    return [
      fact("time", new Date(time).toISOString().replace("T", " ")),
      fact("peer", this.#filterButton(peer, "peer:")),
    ];
  }

  #whatAndHow() {
    const { method, id } = this.#event;
    return [
      fact("event", this.#filterButton(method, "event:")),
      fact("kind", id === "null" ? "notification" : `request, id ${shown(id)}`),
    ];
  }

  #filterButton(text, key) {
    return el("button", {
      className: "link",
      title: "Filter by this",
      onclick: () => this.#hooks.toggle(wordFor(key, text)),
    }, shown(text));
  }

  #message() {
    const { params } = this.#event;
    const raw = rawOf(this.#event);
    const tab = (name, isRaw) =>
      el("button", {
        className: "tab",
        role: "tab",
        "aria-selected": isRaw === this.#isRaw,
        onclick: () => {
          if (isRaw !== this.#isRaw) this.toggleRaw();
        },
      }, name);
    return section(
      el(
        "span",
        { className: "tabs", role: "tablist" },
        tab("Params", false),
        tab("Raw", true),
      ),
      el("pre", {}, this.#isRaw ? shown(raw) : pretty(params)),
      this.#isRaw ? raw : params,
    );
  }
}

function fact(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function section(title, body, copied) {
  const copy = copied === undefined ? undefined : el("button", {
    className: "link copy",
    onclick: async () => {
      await copyText(copied);
      say("Copied");
    },
  }, "copy");
  return el("section", {}, el("h3", {}, title, copy), body);
}

function responseOf({ id, response, isError, ms }) {
  const quiet = (text) => el("p", { className: "quiet" }, text);
  if (response === null) return quiet("not yet");
  if (id === "null" && !isError) {
    return quiet(`none, as it is a notification; handled in ${span(ms)}`);
  }
  const className = isError ? "error" : "";
  const body = el("pre", { className }, pretty(response));
  return el("div", {}, body, quiet(`after ${span(ms)}`));
}
