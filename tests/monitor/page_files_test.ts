import { assert, assertEquals } from "@std/assert";
import { loadPage } from "../../src/monitor/page_files.ts";
import { EventFeed, pageForListener } from "../../src/monitor/mod.ts";

async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return btoa(String.fromCharCode(...hash));
}

for (const name of ["listener", "hub"] as const) {
  Deno.test(`loadPage() allows the script and style of the ${name} page, and nothing else`, async () => {
    const { html, policy } = await loadPage(name);
    const scripts = [...html.matchAll(/<script>(.*?)<\/script>/gs)];
    const styles = [...html.matchAll(/<style>(.*?)<\/style>/gs)];
    assertEquals([scripts.length, styles.length], [1, 1]);
    assert(
      policy.includes(`script-src 'sha256-${await sha256(scripts[0]![1]!)}'`),
    );
    assert(
      policy.includes(`style-src 'sha256-${await sha256(styles[0]![1]!)}'`),
    );
    assert(policy.startsWith("default-src 'none'"));
    assert(!policy.includes("unsafe"));
  });

  Deno.test(`the ${name} page names no other host, and makes no HTML of text`, async () => {
    const { html } = await loadPage(name);
    assertEquals(
      html.match(
        /https?:\/\/|innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b/g,
      ),
      null,
    );
    assert(!/ (style|on\w+)="/.test(html));
    const [, script] = /<script>(.*?)<\/script>/s.exec(html)!;
    assert(!/^(import|export) /m.test(script!));
    new Function(script!); // throws what is wrong with its syntax
  });
}

Deno.test("the page comes with headers that keep it to itself", async () => {
  const handler = pageForListener(new EventFeed());
  const { headers } = await handler(new Request("http://127.0.0.1/"));
  const { policy } = await loadPage("listener");
  assertEquals(headers.get("content-security-policy"), policy);
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assertEquals(headers.get("referrer-policy"), "no-referrer");
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
});

const SCRIPT = `
import { EventFeed, pageForListener } from "MOD";
const handler = pageForListener(new EventFeed());
const response = await handler(new Request("http://127.0.0.1/"));
console.log(response.status, (await response.text()).includes("<script>"));
`;

async function output(args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) || decoder.decode(stderr);
}

Deno.test("the page is there without any permission, by deno run and in a bundle", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const mod = new URL("../../src/monitor/mod.ts", import.meta.url).href;
    const script = `${folder}/page.ts`, bundle = `${folder}/bundle.js`;
    await Deno.writeTextFile(script, SCRIPT.replace("MOD", mod));
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const run = ["run", "--no-prompt", "--config", config];
    assertEquals(await output([...run, script]), "200 true\n");
    await output(["bundle", "--config", config, "--output", bundle, script]);
    assertEquals(await output(["run", "--no-prompt", bundle]), "200 true\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A runtime that takes this project's modules, but no text imports. */
const NODE = ["-y", "node@26.10.0"];

async function npx(args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("npx", {
      args: [...NODE, ...args],
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

Deno.test({
  name: "the page says that it is not to be had where text cannot be imported",
  ignore: (await npx(["--version"])) === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const mod = new URL("../../src/monitor/mod.ts", import.meta.url).href;
      const script = `${folder}/page.mjs`;
      await Deno.writeTextFile(
        script,
        SCRIPT.replace("MOD", mod).replace("<script>", "Cannot show the page"),
      );
      assertEquals(await npx([script]), "501 true\n");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
