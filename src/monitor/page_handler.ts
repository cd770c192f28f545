/**
 * What the pages have in common: their paths, and who may ask for them.
 *
 * @module
 */

import {
  checkGuard,
  type FetchHandler,
  type GuardOptions,
  HEADERS,
  plain,
  refuse,
} from "./guard.ts";
import { type Operations, operationsHandler } from "./operations.ts";
import { loadPage, type PageName } from "./page_files.ts";

/** Options of a page. */
export interface PageOptions extends GuardOptions {
  /** Ends the streams to all who look, so that a server can shut down. */
  signal?: AbortSignal | undefined;
  /** What `GET /health` and `GET /metrics` tell, to all who ask. */
  operations?: Operations | undefined;
  /**
   * Handles requests that are not for the page, such as `manageOverHttp` of
   * `./opensips`. The page's guard is theirs too. Absent: they get a 404.
   */
  fallback?: FetchHandler | undefined;
}

/** The paths of one page beside `/`, each with its method: `GET /events`. */
export type Routes = Record<
  string,
  (request: Request) => Response | Promise<Response>
>;

/**
 * Makes a handler of a page and its routes.
 *
 * @throws {RangeError} if the token is too short.
 */
export function pageHandler(
  name: PageName,
  routes: Routes,
  options: PageOptions,
): FetchHandler {
  checkGuard(options);
  const { operations, fallback } = options;
  const operate = operations && operationsHandler(operations);
  return (request, info) => {
    const { pathname } = new URL(request.url);
    const route = `${request.method} ${pathname}`;
    if (operate !== undefined && OPEN.includes(route)) return operate(request);
    const refused = refuse(request, info, options);
    if (refused !== undefined) return refused;
    if (route === "GET /") return page(name);
    if (Object.hasOwn(routes, route)) return routes[route]!(request);
    if (fallback !== undefined) return fallback(request, info);
    return plain(404, "Not found");
  };
}

/** Requests that need no token, so that other machines can watch this one. */
const OPEN: readonly string[] = ["GET", "HEAD"]
  .flatMap((method) => [`${method} /health`, `${method} /metrics`]);

async function page(name: PageName): Promise<Response> {
  try {
    const { html, policy } = await loadPage(name);
    return new Response(html, {
      headers: {
        ...HEADERS,
        "content-security-policy": policy,
        "content-type": "text/html; charset=utf-8",
      },
    });
  } catch (error) {
    return plain(
      501,
      `Cannot show the page: this runtime does not import files as text, which Deno does (${
        (error as Error).message
      })`,
    );
  }
}
