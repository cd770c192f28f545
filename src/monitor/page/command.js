// An event as a command, and as the message that it was.

import { members, UNSEEN } from "./json_text.js";

const PLAIN_WORD = /^[\w@%+=:,./-]+$/;
const PLAIN_NAME = /^[A-Za-z_][\w.-]*$/;

/**
 * A word for a shell. What a terminal would act upon when it is pasted, such as
 * the end of the paste, is escaped: `$'…'` is understood by bash, zsh and ksh.
 */
function quoted(word) {
  if (PLAIN_WORD.test(word)) return word;
  if (word.search(UNSEEN) < 0) return `'${word.replaceAll("'", `'\\''`)}'`;
  const escaped = word.replace(/[\\']/g, "\\$&").replace(
    UNSEEN,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `$'${escaped}'`;
}

/** The params as words of the command, unless only their JSON is exact. */
function paramWordsOf(params) {
  const pairs = members(params);
  const names = new Set(pairs.map(([name]) => name));
  if (
    params[0] !== "{" || names.size < pairs.length || pairs.length > 12
  ) return undefined;
  const words = [];
  for (const [name, value] of pairs) {
    if (!PLAIN_NAME.test(name)) return undefined;
    const text = value[0] === '"' ? JSON.parse(value) : undefined;
    if (text === undefined) words.push(`${name}:=${value}`);
    else if (text.search(UNSEEN) >= 0) return undefined;
    else words.push(`${name}=${text}`);
  }
  return words;
}

/** A command that sends the same message again. */
export function commandOf({ method, params, id }, socket) {
  const words = paramWordsOf(params);
  const options = id === "null" ? [] : ["--sync"];
  if (words === undefined) options.push("--params", params);
  const positional = [
    socket ?? "jsonrpc:127.0.0.1:8080",
    method,
    ...words ?? [],
  ];
  if (positional.some((word) => word.startsWith("-"))) options.push("--");
  return ["event-jsonrpc", "raise", ...options, ...positional]
    .map(quoted).join(" ");
}

/** The message in the form in which OpenSIPS sends it; the params as they came. */
export function rawOf({ id, method, params }) {
  return `{"id":${id},"jsonrpc":"2.0","method":${
    JSON.stringify(method)
  },"params":${params}}`;
}
