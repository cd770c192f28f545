/** The documents of the project. */

/** Folders that hold no documents of the project. */
const FOREIGN = [".git", "node_modules"];

/** Reads all documents below a folder, by their paths. */
export async function markdownFiles(
  root: URL,
  folder = "",
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const entry of Deno.readDir(new URL(`./${folder}`, root))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory && !FOREIGN.includes(entry.name)) {
      for (const file of await markdownFiles(root, `${path}/`)) {
        found.set(...file);
      }
    } else if (entry.name.endsWith(".md")) {
      found.set(path, await Deno.readTextFile(new URL(path, root)));
    }
  }
  return found;
}
