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
  const files = await Promise.all([
    import("./page/page.html", { with: { type: "text" } }),
    import("./page/style.css", { with: { type: "text" } }),
    import("./page/json_text.js", { with: { type: "text" } }),
    import("./page/common.js", { with: { type: "text" } }),
    ...name === "hub"
      ? [import("./page/hub.js", { with: { type: "text" } })]
      : [
        import("./page/command.js", { with: { type: "text" } }),
        import("./page/deque.js", { with: { type: "text" } }),
        import("./page/filter.js", { with: { type: "text" } }),
        import("./page/listener.js", { with: { type: "text" } }),
      ],
  ]);
  const [html, style, ...scripts] = files.map((file) => file.default);
  return await assemble(html!, style!, join(scripts));
}

/**
 * Makes one script of modules, the imported ones first: a script in a document
 * cannot import by a name, and the policy allows none that is loaded.
 */
function join(modules: readonly string[]): string {
  const code = modules.map((module) =>
    module
      .replace(/^import [^;]*;\n/gm, "")
      .replace(/^export (?=const|function|async|class)/gm, "")
  ).join("\n");
  return `"use strict";\n{\n${code}}\n`;
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
