/**
 * The page, put together from its files when somebody asks for it.
 *
 * @module
 */

/** The page as it goes out. */
export interface Page {
  /** The document, with its style and script in it. */
  readonly html: string;
  /** Its Content-Security-Policy: it runs and loads nothing else. */
  readonly policy: string;
}

/** Which page: for what comes in, or for the Event Interface. */
export type PageName = "listener" | "hub";

const pages = new Map<PageName, Promise<Page>>();

/**
 * Loads a page, once.
 *
 * The files are imported as text: so they come along in bundles and packages, and
 * no permission to read is needed. Rejects where the runtime has no such imports.
 */
export function loadPage(name: PageName): Promise<Page> {
  let page = pages.get(name);
  if (page === undefined) pages.set(name, page = load(name));
  return page;
}

async function load(name: PageName): Promise<Page> {
  const [html, style, common, own] = await Promise.all([
    import("./page/page.html", { with: { type: "text" } }),
    import("./page/style.css", { with: { type: "text" } }),
    loadAll({
      json_text: import("./page/json_text.js", { with: { type: "text" } }),
      common: import("./page/common.js", { with: { type: "text" } }),
    }),
    name === "hub" ? loadHub() : loadListener(),
  ]);
  const script = join([...common, ...own]);
  return await assemble(html.default, style.default, script);
}

function loadHub(): Promise<Module[]> {
  return loadAll({
    hub: import("./page/hub.js", { with: { type: "text" } }),
  });
}

function loadListener(): Promise<Module[]> {
  return loadAll({
    command: import("./page/command.js", { with: { type: "text" } }),
    deque: import("./page/deque.js", { with: { type: "text" } }),
    filter: import("./page/filter.js", { with: { type: "text" } }),
    store: import("./page/store.js", { with: { type: "text" } }),
    row: import("./page/row.js", { with: { type: "text" } }),
    list: import("./page/list.js", { with: { type: "text" } }),
    details: import("./page/details.js", { with: { type: "text" } }),
    listener: import("./page/listener.js", { with: { type: "text" } }),
  });
}

/** A module of the page: its name and its text. */
type Module = readonly [name: string, text: string];

function loadAll(
  files: Record<string, Promise<{ default: string }>>,
): Promise<Module[]> {
  return Promise.all(
    Object.entries(files).map(async ([name, file]) =>
      [name, (await file).default] as const
    ),
  );
}

/**
 * Makes one script of modules, the imported ones first: a script in a document
 * cannot import by a name, and the policy allows none that is loaded. Each module
 * becomes a function that returns its exports, by a name that no module uses.
 */
function join(modules: readonly Module[]): string {
  const functions = modules.map(([name, text]) => {
    const names = Array.from(
      text.matchAll(/^export (?:const|class|(?:async )?function) (\w+)/gm),
      ([, name]) => name,
    );
    const body = text
      .replace(
        /^import (\{[^}]*\}) from ["]\.\/(\w+)\.js["];/gm,
        "const $1 = $$$2;",
      )
      .replace(/^export /gm, "");
    return `const $${name} = (() => {\n${body}\nreturn { ${
      names.join(", ")
    } };\n})();\n`;
  });
  return `"use strict";\n{\n${functions.join("")}}\n`;
}

/** Puts a document together, and allows what is in it by its hash. */
async function assemble(
  html: string,
  style: string,
  script: string,
): Promise<Page> {
  const policy = [
    "default-src 'none'",
    `script-src '${await hashOf(script)}'`,
    `style-src '${await hashOf(style)}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return {
    html: html
      .replace("<!-- style -->", () => `<style>${style}</style>`)
      .replace("<!-- script -->", () => `<script>${script}</script>`),
    policy,
  };
}

async function hashOf(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256-${btoa(String.fromCharCode(...hash))}`;
}
