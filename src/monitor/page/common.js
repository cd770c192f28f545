// What both pages have in common. Content of others gets into the document as
// text only: by `textContent` and text nodes, never as HTML.

import { JSON_PARTS, shown } from "./json_text.js";

const TOKEN = new URLSearchParams(location.search).get("token");

/** The address of a path of this server, with the token. */
function address(path) {
  return TOKEN === null ? path : `${path}?token=${encodeURIComponent(TOKEN)}`;
}

/** Makes an element: properties, `on…` listeners, `aria…` and `data-` attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role") {
      element.setAttribute(name, value);
    } else element[name] = value;
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** More is shown without colours and line breaks: it would take too long. */
const MAX_PRETTY = 200_000;

/** A JSON text with line breaks and colours; digits and names as they came. */
export function pretty(text) {
  const out = document.createDocumentFragment();
  if (text.length > MAX_PRETTY) {
    out.append(shown(text));
    return out;
  }
  const parts = text.match(JSON_PARTS) ?? [];
  let depth = 0;
  const line = () => out.append("\n" + "  ".repeat(depth));
  for (const [i, part] of parts.entries()) {
    const next = parts[i + 1];
    if (part === "{" || part === "[") {
      out.append(part);
      if (next === "}" || next === "]") continue;
      depth++;
      line();
    } else if (part === "}" || part === "]") {
      const last = parts[i - 1];
      if (last !== "{" && last !== "[") {
        depth--;
        line();
      }
      out.append(part);
    } else if (part === ",") {
      out.append(part);
      line();
    } else if (part === ":") out.append(": ");
    else {
      const kind = part[0] !== '"'
        ? "json-value"
        : next === ":"
        ? "json-name"
        : "json-text";
      out.append(el("span", { className: kind }, shown(part)));
    }
  }
  return out;
}

/** A length of time as people say it. */
export function span(ms) {
  if (ms < 0.1) return "< 0.1 ms";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) {
    return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** The time of the day, to milliseconds. */
export function clock(time) {
  const date = new Date(time);
  const two = (n) => String(n).padStart(2, "0");
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${
    two(date.getSeconds())
  }.${ms}`;
}

const numbers = new Intl.NumberFormat("en");

/** A number with its thousands apart. */
export function count(n) {
  return numbers.format(n);
}

/** A hue for a name, always the same one. */
export function hueOf(name) {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  }
  return hash * 137.5 % 360;
}

/** Puts a text on the clipboard, also where a page without TLS may not. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { value: text, className: "offstage" });
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export const toast = el("div", { className: "toast", role: "status" });
let toastTimer;

/** Says something for a moment. */
export function say(text) {
  toast.textContent = text;
  toast.classList.add("visible");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => toast.classList.remove("visible"), 2500);
}

/** Sends a request to do something; says why if it fails. */
export async function post(path, body) {
  try {
    const response = await fetch(address(path), {
      method: "POST",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error((await response.text()).trim());
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
}

export const status = el("span", { className: "status", role: "status" });

function setStatus(state, text) {
  status.dataset.state = state;
  status.title = text;
  status.textContent = text;
}

/** Opens a stream of server-sent events; `handlers` take the data by its name. */
export function connect(path, handlers) {
  setStatus("connecting", "connecting");
  const source = new EventSource(address(path));
  source.onopen = () => setStatus("live", "live");
  source.onerror = () =>
    source.readyState === EventSource.CLOSED
      ? setStatus("ended", "refused: reload the page")
      : setStatus("lost", "connection lost, trying again");
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, ({ data }) => handle(JSON.parse(data)));
  }
}

export function brand() {
  return el("h1", {}, "event-jsonrpc");
}
