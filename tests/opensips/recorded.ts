/** The recorded exchanges with mi_http, and how they are compared. */

import { assertEquals } from "@std/assert";
import recorded from "../data/opensips-mi-http.json" with { type: "json" };

/** One exchange. */
export interface Exchange {
  version: string;
  /** Seconds since the first one of its group. */
  at: number;
  note: string;
  request: {
    method: string;
    path: string;
    type: string | null;
    headers: Record<string, string>;
    body: string | null;
  };
  /** The status of HTTP; null if there was no response. */
  status: number | null;
  body: string;
  /** What a subscriber read. */
  wire?: string;
}

const exchanges = recorded.exchanges as unknown as Exchange[];

/** The exchanges of a version in their order, by what they are about. */
export function exchangesOf(
  version: "3.0.5" | "4.0.1",
  group: "commands" | "flow" | "raise",
): Exchange[] {
  return exchanges.filter((e) =>
    e.version === version &&
    group ===
      (e.note.startsWith("flow:")
        ? "flow"
        : e.wire !== undefined
        ? "raise"
        : "commands")
  );
}

/** The request of an exchange. */
export function toRequest(
  { request: { method, path, type, headers, body } }: Exchange,
  origin = "http://127.0.0.1",
): Request {
  const request = new Request(origin + path, { method, headers, body });
  request.headers.delete("content-type"); // a text has one of its own
  if (type !== null) request.headers.set("content-type", type);
  return request;
}

/** What JSON-RPC responds with. */
export interface Outcome {
  id: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: string };
}

/**
 * A response of JSON-RPC without what differs from one server to the next: ids
 * of events, the seconds that are left, and events of OpenSIPS's own. Of a list,
 * only the subscribers are kept that `keep` takes.
 */
export function masked(
  body: string,
  keep: (subscriber: Subscriber) => boolean = () => true,
): Outcome {
  return JSON.parse(body, (name, value) => {
    if (name === "ttl" && typeof value === "number") return "(seconds)";
    if (name === "Subscribers") return value.filter(keep);
    if (name === "Event" && value.id !== undefined) {
      return { ...value, id: "(id)" };
    }
    if (name !== "Events") return value;
    return (value as Listed[])
      .filter(({ name, Subscribers }) =>
        !/^E_(CORE|PROFILING)_/.test(name) && Subscribers?.length !== 0
      )
      .map((event) => ({ ...event, id: "(id)" }));
  });
}

/** A subscriber in a list. */
export interface Subscriber {
  socket: string;
  expire: number | "never";
  ttl?: number | "expired";
}

interface Listed {
  name: string;
  id: number;
  Subscribers?: Subscriber[];
}

/**
 * Checks that our outcome is theirs. Our errors may say more in their data: they
 * begin as theirs do.
 */
export function assertAgrees(
  ours: Outcome,
  theirs: Outcome,
  what: string,
): void {
  const said = theirs.error?.data ?? "";
  const { error } = ours;
  assertEquals(
    {
      id: ours.id,
      result: ours.result,
      error: error && {
        code: error.code,
        message: error.message,
        data: error.data?.slice(0, said.length) ?? "",
      },
    },
    {
      id: theirs.id,
      result: theirs.result,
      error: theirs.error && { ...theirs.error, data: said },
    },
    what,
  );
}
