/** Events as a handler gets them, made by hand. */

import type { ReceivedEvent } from "../../mod.ts";

/** An event; what is not given is as of a notification without params. */
export function receivedEvent(given: Partial<ReceivedEvent>): ReceivedEvent {
  const {
    method = "E_X",
    params = {},
    id = null,
    peer = { hostname: "127.0.0.1", port: 1 },
    paramsText = JSON.stringify(params),
  } = given;
  return {
    method,
    params,
    id,
    peer,
    paramsText,
    text: given.text ??
      `{"id":${id},"jsonrpc":"2.0","method":${
        JSON.stringify(method)
      },"params":${paramsText}}`,
    pairs: given.pairs ?? Object.entries(Array.isArray(params) ? {} : params),
    signal: given.signal ?? new AbortController().signal,
  };
}
