// The list of events. Rows exist only for what is in sight, so that very many
// events cost no more than a few.

import { el } from "./common.js";
import { idOf, Row } from "./row.js";

/** How high a row is: one line, or two where there is little room. */
const ROW_HEIGHT = 28, NARROW_ROW_HEIGHT = 46;
/** How many rows there are beyond what is in sight. */
const MARGIN = 4;
/** How often rows change at most while events pour in: nobody reads faster. */
const DRAW_MS = 100;

export class EventList {
  /** Whether the newest events stay in sight. */
  follow = true;
  selected;
  #hooks;
  #rows = [];
  #rowHeight = ROW_HEIGHT;
  /** idle, delayed (until the last drawing is long enough ago), or due. */
  #drawing = "idle";
  #drawnAt = -Infinity;
  #timer;
  #content = el("div", { className: "content" });
  #empty = el("div", { className: "nothing" });
  #jump = el("button", {
    className: "jump",
    hidden: true,
    onclick: () => this.followNewest(),
  }, "↓ newest");
  #list = el(
    "div",
    {
      className: "list",
      role: "listbox",
      tabIndex: 0,
      "aria-label": "Events",
      onscroll: () => {
        this.follow = this.#isAtEnd();
        this.draw();
      },
    },
    this.#content,
    this.#empty,
  );
  element = el("div", { className: "events" }, this.#list, this.#jump);

  /**
   * Constructs the list. Hooks: `events()` gives the events, `open(event)` is
   * called with one that was clicked, `drawn()` after each drawing, and
   * `nothing()` makes what is shown without events.
   */
  constructor(hooks) {
    this.#hooks = hooks;
    const narrow = matchMedia("(max-width: 46rem)");
    const measure = () => {
      this.#rowHeight = narrow.matches ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
      this.draw();
    };
    narrow.addEventListener("change", measure);
    measure();
    document.addEventListener("visibilitychange", () => this.#draw());
    new ResizeObserver(() => this.draw()).observe(this.#list);
  }

  focus() {
    this.#list.focus();
  }

  /** Draws at the next frame. */
  draw() {
    if (this.#drawing === "due") return;
    clearTimeout(this.#timer);
    this.#drawAtFrame();
  }

  /** Draws soon, as more events came. */
  drawSoon() {
    if (this.#drawing !== "idle") return;
    const wait = this.#drawnAt + DRAW_MS - performance.now();
    if (wait <= 0) return this.#drawAtFrame();
    this.#drawing = "delayed";
    this.#timer = setTimeout(() => this.#drawAtFrame(), wait);
  }

  followNewest() {
    this.follow = true;
    this.draw();
  }

  /** Selects an event, or none. */
  select(event) {
    this.selected = event;
    if (event === undefined) {
      this.#list.removeAttribute("aria-activedescendant");
    } else this.#list.setAttribute("aria-activedescendant", idOf(event));
    this.draw();
  }

  /** Selects the event at a place, and brings it into sight. */
  selectAt(to) {
    const events = this.#hooks.events();
    if (events.length === 0) return;
    const index = Math.max(0, Math.min(events.length - 1, to));
    const top = index * this.#rowHeight;
    const { scrollTop, clientHeight } = this.#list;
    if (top < scrollTop) this.#list.scrollTop = top;
    else if (top + this.#rowHeight > scrollTop + clientHeight) {
      this.#list.scrollTop = top + this.#rowHeight - clientHeight;
    }
    this.follow = this.#isAtEnd();
    this.select(events.at(index));
  }

  /** Moves the selection; without one, it begins at what is seen last. */
  step(by) {
    const events = this.#hooks.events();
    if (this.selected === undefined) {
      const { scrollTop, clientHeight } = this.#list;
      const last = Math.floor((scrollTop + clientHeight) / this.#rowHeight);
      return this.selectAt(Math.min(last, events.length) - 1);
    }
    const index = events.indexOf(this.selected.seq);
    const isThere = events.at(index) === this.selected;
    this.selectAt(index + (isThere || by < 0 ? by : by - 1));
  }

  /** How many rows are in sight, less one. */
  get page() {
    return Math.max(
      1,
      Math.floor(this.#list.clientHeight / this.#rowHeight) - 1,
    );
  }

  /** Keeps what is looked at in its place though the oldest rows have gone. */
  rowsGone(count) {
    if (!this.follow) this.#list.scrollTop -= count * this.#rowHeight;
  }

  /** An event has changed. */
  refresh(event) {
    for (const row of this.#rows) row.refresh(event);
    this.drawSoon();
  }

  #isAtEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    return scrollTop + clientHeight >= scrollHeight - 8;
  }

  #drawAtFrame() {
    this.#drawing = "due";
    const draw = () => this.#draw();
    // In a tab that nobody sees there are no frames, but its title goes on.
    if (document.hidden) this.#timer = setTimeout(draw, DRAW_MS);
    else requestAnimationFrame(draw);
  }

  #draw() {
    this.#drawing = "idle";
    this.#drawnAt = performance.now();
    const events = this.#hooks.events();
    const { length } = events;
    const height = this.#rowHeight;
    this.#content.style.height = `${length * height}px`;
    if (this.follow) this.#list.scrollTop = length * height;
    const { scrollTop, clientHeight } = this.#list;
    const first = Math.max(0, Math.floor(scrollTop / height) - MARGIN);
    const end = Math.ceil((scrollTop + clientHeight) / height) + MARGIN;
    const last = Math.min(length, end);
    while (this.#rows.length < last - first) this.#addRow();
    for (const row of this.#rows) row.isUsed = false;
    for (let i = first; i < last; i++) {
      const row = this.#rows[i % this.#rows.length];
      const event = events.at(i);
      row.isUsed = true;
      row.show(event, i, i * height, event === this.selected);
    }
    for (const row of this.#rows) row.element.hidden = !row.isUsed;
    this.#empty.hidden = length > 0;
    if (length === 0) this.#empty.replaceChildren(...this.#hooks.nothing());
    this.#jump.hidden = this.follow || length === 0;
    this.#hooks.drawn();
  }

  #addRow() {
    const row = new Row((event) => this.#hooks.open(event));
    this.#rows.push(row);
    this.#content.append(row.element);
  }
}
