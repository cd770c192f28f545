/** Files of the project, copied to where a test or a task needs them. */

/** Copies a file, or a folder with all that is in it. */
export async function copy(from: string | URL, to: string): Promise<void> {
  const path = from instanceof URL ? from.pathname : from;
  if ((await Deno.stat(path)).isFile) return await Deno.copyFile(path, to);
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(path)) {
    await copy(`${path}/${name}`, `${to}/${name}`);
  }
}
