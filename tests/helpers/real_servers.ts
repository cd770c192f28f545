/** Programs that `.ci/get_servers` gets from Debian. */

/**
 * Finds a program: by the variable of the environment, in the `PATH`, or where
 * `.ci/get_servers` puts it; `undefined` if it is not there.
 */
export async function findProgram(
  name: string,
  variable: string,
): Promise<string | undefined> {
  const places = [
    Deno.env.get(variable),
    name,
    new URL(`../../.servers/${name}`, import.meta.url).pathname,
  ];
  for (const command of places) {
    if (command !== undefined && await isInstalled(command)) return command;
  }
}

/** Whether there is such a program on this machine. */
export async function isInstalled(program: string): Promise<boolean> {
  try { // output() throws what is not there, instead of rejecting
    const command = new Deno.Command(program, { args: ["--version"] });
    return (await command.output()).success;
  } catch {
    return false;
  }
}
