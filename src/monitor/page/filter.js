// The filter: words of a query, all of which an event must match.
//
//     E_CALL          the name, the params or the peer hold this text
//     event:E_CALL    the name does
//     peer:10.0.0.7   the peer does
//     ip=192.168      there is a param called ip that does
//     is:error        also request, notification, refused, waiting
//     -is:error       no match
//     "two words"     white space is part of the text

import { members } from "./json_text.js";

/** The words of a query. */
export function wordsOf(query) {
  return query.match(/-?(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

/** Parses a query; `undefined` if it lets all through. */
export function matcherOf(query) {
  const tests = wordsOf(query).map(testOf).filter((test) => test !== undefined);
  if (tests.length === 0) return undefined;
  return (event) => tests.every((test) => test(event));
}

function testOf(term) {
  const isNot = term.length > 1 && term.startsWith("-");
  const text = (isNot ? term.slice(1) : term).replaceAll('"', "");
  if (text === "") return undefined;
  const test = positiveTestOf(text);
  return isNot ? (event) => !test(event) : test;
}

const KINDS = {
  request: ({ id, method }) => method !== null && id !== "null",
  notification: ({ id, method }) => method !== null && id === "null",
  error: ({ isError }) => isError,
  refused: ({ method }) => method === null,
  waiting: ({ response, method }) => response === null && method !== null,
};

function positiveTestOf(text) {
  const [, key, rest] = /^(event|peer|is):(.*)$/s.exec(text) ?? [];
  if (key === "is" && Object.hasOwn(KINDS, rest)) return KINDS[rest];
  if (key === "event") {
    const holds = holder(rest);
    return ({ method }) => method !== null && holds(method);
  }
  if (key === "peer") {
    const holds = holder(rest);
    return ({ peer }) => holds(peer);
  }
  const equals = text.indexOf("=");
  if (equals > 0) {
    return paramTest(text.slice(0, equals), text.slice(equals + 1));
  }
  const holds = holder(text);
  return ({ method, params, peer }) =>
    holds(params) || method !== null && holds(method) || holds(peer);
}

/** A function that says whether a text holds this one, in either case. */
function holder(text) {
  const escaped = text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const pattern = new RegExp(escaped, "i");
  return (other) => pattern.test(other);
}

function paramTest(name, text) {
  const holds = holder(text);
  const quoted = JSON.stringify(name);
  return ({ params, method }) => {
    if (method === null || !params.includes(quoted)) return false;
    return members(params).some(([other, value]) =>
      other === name && holds(value[0] === '"' ? JSON.parse(value) : value)
    );
  };
}

/** The word of a query for a text, such as `event:E_CALL`. */
export function wordFor(key, text) {
  const clean = text.replaceAll('"', "");
  return `${key}${/\s/.test(clean) ? `"${clean}"` : clean}`;
}
