/** What opensips-cli and python-opensips ask, by the old and by the new names. */

import type { JsonValue } from "../../mod.ts";

/** What the tools of OpenSIPS send; each with what it must get. */
export const TOOLS: [
  what: string,
  method: string,
  params: JsonValue,
  result: unknown,
][] = [
  // python-opensips: texts of digits as ids, `{}` where there are no params.
  ["python-opensips, complete", "which", {}, "event_subscribe"],
  [
    "python-opensips, subscribe",
    "event_subscribe",
    ["E_X", "udp:127.0.0.1:5000", 3600],
    400,
  ],
  [
    "an application with python-opensips",
    "event_subscribe",
    ["E_X", "tcp:127.0.0.1:1", 3600],
    "OK",
  ],
  [
    "python-opensips, unsubscribe",
    "event_subscribe",
    ["E_X", "tcp:127.0.0.1:1", 0],
    "OK",
  ],
  // opensips-cli: positional params are texts, named ones too.
  ["opensips-cli, complete", "which", { command: "event_subscribe" }, "expire"],
  ["opensips-cli, complete", "which", { command: "evi:raise" }, "params"],
  ["opensips-cli -x mi events_list", "events_list", {}, "E_X"],
  ["opensips-cli -x mi evi:list", "evi:list", {}, "E_X"],
  [
    "opensips-cli -x mi event_subscribe E_X tcp:127.0.0.1:1 60",
    "event_subscribe",
    ["E_X", "tcp:127.0.0.1:1", "60"],
    "OK",
  ],
  [
    "opensips-cli -x mi evi:subscribe event=E_X socket=tcp:127.0.0.1:1 expire=60",
    "evi:subscribe",
    { event: "E_X", socket: "tcp:127.0.0.1:1", expire: "60" },
    "OK",
  ],
  [
    "opensips-cli -x mi subscribers_list",
    "subscribers_list",
    {},
    "tcp:127.0.0.1:1",
  ],
  ["opensips-cli -x mi evi:subscribers E_X", "evi:subscribers", ["E_X"], "ttl"],
  [
    "opensips-cli -x mi raise_event E_X a b",
    "raise_event",
    ["E_X", ["a", "b"]],
    "OK",
  ],
  ["opensips-cli -x mi evi:raise E_X", "evi:raise", ["E_X"], "OK"],
  [
    "opensips-cli -x mi evi:raise event=E_X params='a b'",
    "evi:raise",
    { event: "E_X", params: ["a", "b"] },
    "OK",
  ],
  [
    `opensips-cli -x mi -j raise_event E_X '{"a":1}'`,
    "raise_event",
    ["E_X", { a: 1 }],
    "OK",
  ],
  [
    `opensips-cli -x mi -j raise_event event=E_X params='{"a":1}'`,
    "raise_event",
    { event: "E_X", params: `{"a":1}` },
    "OK",
  ],
];
