/** Prometheus' own check of metrics. `.ci/get_servers` gets it from Debian. */

/** Where it may be, the first that is there. */
const COMMANDS = [
  Deno.env.get("PROMTOOL"),
  "promtool",
  new URL("../../.servers/promtool", import.meta.url).pathname,
];

/** The command; `undefined` if there is none. */
export async function findPromtool(): Promise<string | undefined> {
  for (const command of COMMANDS) {
    if (command === undefined) continue;
    try {
      const { success } = await new Deno.Command(command, {
        args: ["--version"],
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return command;
    } catch { /* the next one */ }
  }
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
