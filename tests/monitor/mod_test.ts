import { assert, assertEquals } from "@std/assert";

/** All modules that an entry loads, by their paths from the root. */
async function modulesOf(entry: string): Promise<string[]> {
  const root = new URL("../../", import.meta.url);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, root).pathname],
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  return modules.map(({ specifier }: { specifier: string }) =>
    specifier.slice(root.href.length)
  );
}

Deno.test("mod.ts loads nothing of monitor/ or testing/", async () => {
  const loaded = await modulesOf("mod.ts");
  assert(loaded.includes("src/events/event_interface.ts"));
  const others = loaded.filter((path) => /src\/(monitor|testing)\//.test(path));
  assertEquals(others, []);
});

Deno.test("monitor/ loads the page only when it is asked for", async () => {
  const source = await Deno.readTextFile(
    new URL("../../src/monitor/page_files.ts", import.meta.url),
  );
  assertEquals(source.match(/^import .*page\//m), null);
  assert(
    source.includes('import("./page/page.html", { with: { type: "text" } })'),
  );
});
