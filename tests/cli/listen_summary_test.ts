import { assertEquals } from "@std/assert";
import { Summary } from "../../src/cli/listen_summary.ts";
import { receivedEvent } from "../helpers/received.ts";

Deno.test("Summary counts names and peers, of very many the most frequent", {
  permissions: "none",
}, () => {
  const summary = new Summary();
  assertEquals(summary.summary(), ["0 events, 0 refused, no peers"]);
  const take = (method: string, host: number) =>
    summary.watch(receivedEvent({
      method,
      params: {},
      id: null,
      peer: { hostname: `10.0.0.${host}`, port: 1 },
    }));
  for (let n = 0; n < 5000; n++) take(`E_${n}`, n % 8);
  for (let n = 0; n < 12; n++) take("E_7", 1);
  summary.refuse("no", { hostname: "10.0.0.1", port: 1 });
  const [all, first, ...others] = summary.summary();
  assertEquals(
    all,
    "5012 events, 1 refused, from 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 3 more",
  );
  assertEquals(first, "    13  E_7");
  assertEquals(others.length, 20);
  assertEquals(others.at(-1), "  4980  others");
});
