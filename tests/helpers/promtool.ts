/** Prometheus' own check of metrics. `.ci/get_servers` gets it from Debian. */

import { findProgram } from "./real_servers.ts";

/** The command; `undefined` if there is none. */
export function findPromtool(): Promise<string | undefined> {
  return findProgram("promtool", "PROMTOOL");
}

/** What `promtool check metrics` has to say: nothing, if all is well. */
export async function checkMetrics(
  command: string,
  text: string,
): Promise<string> {
  const process = new Deno.Command(command, {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = process.output();
  await new Blob([text]).stream().pipeTo(process.stdin);
  const { code, stdout, stderr } = await output;
  const decoder = new TextDecoder();
  const said = decoder.decode(stdout) + decoder.decode(stderr);
  return code === 0 ? said : `exit code ${code}: ${said}`;
}
