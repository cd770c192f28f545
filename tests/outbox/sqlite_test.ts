import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type EventStore,
  openSqlite,
  type SqliteOptions,
  StoreError,
} from "../../src/outbox/mod.ts";
import { openDatabase } from "../../src/outbox/builtin.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { collect, Folder, newEvent, TARGET } from "./helpers.ts";
import { Program, succeeds } from "./process.ts";

const never = new AbortController().signal;

/** Takes all that a store delivers, as their params. */
async function takeAll(store: EventStore): Promise<string[]> {
  const deliverer = await store.deliver({ window: 100, onTarget() {} });
  const all: string[] = [];
  for (;;) {
    const events = await deliverer.take(TARGET, 100, never);
    if (events.length === 0) return all;
    all.push(...events.map(({ params }) => params));
    await Promise.all(events.map((event) => deliverer.done(event)));
  }
}

function openQuietly(path: string, options: SqliteOptions = {}) {
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  return { store: openSqlite(path, { ...options, onWarning }), warnings };
}

Deno.test("openSqlite() keeps what was stored, for the next process", async () => {
  using folder = new Folder();
  {
    await using store = openSqlite(folder.file());
    await store.append([0, 1].map((n) => newEvent(n)));
    await store.append([newEvent(2, { isKeyGiven: true })]);
    await store.subscribe({ event: "E_X", socket: TARGET });
    await store.remember("a", "1", Date.now() + 1e6);
    const deliverer = await store.deliver({ window: 1, onTarget() {} });
    const [first] = await deliverer.take(TARGET, 1, never);
    await deliverer.postpone(first, 1e6, "down");
  }
  await using store = openSqlite(folder.file());
  const [first] = await collect(store.list());
  assertEquals([first.attempts, first.lastError], [1, "down"]);
  assertEquals(await store.append([newEvent(2, { isKeyGiven: true })]), [
    "known",
  ]);
  assertEquals((await store.subscriptions()).length, 1);
  assertEquals(await store.recall("a"), "1");
  assertEquals(await takeAll(store), ['{"n":0}', '{"n":1}', '{"n":2}']);
});

Deno.test("openSqlite() gives no id twice, whatever was removed before", async () => {
  const remove: [string, (store: EventStore) => Promise<unknown>][] = [
    ["delivered", takeAll],
    ["dropped", (store) => store.drop()],
    ["dropped from the end", async (store) => {
      for (const { id } of (await collect(store.list())).reverse()) {
        await store.drop({ ids: [id] });
      }
    }],
    ["dropped, then none", async (store) => {
      await store.drop();
      await store.drop();
    }],
    ["delivered from the end", async (store) => {
      const deliverer = await store.deliver({ window: 9, onTarget() {} });
      const events = await deliverer.take(TARGET, 9, never);
      for (const event of events.toReversed()) await deliverer.done(event);
    }],
  ];
  for (const [how, act] of remove) {
    for (const isOld of [false, true]) {
      using folder = new Folder();
      const ids: string[] = [];
      for (let n = 0; n < 4; n++) {
        if (n > 0) { // by a process that did not append them
          await using store = openSqlite(folder.file());
          await act(store);
        }
        if (isOld && n === 0) {
          openSqlite(folder.file()).close();
          const database = openDatabase(folder.file());
          database.exec("DROP TABLE last"); // files were without it
          database.close();
        }
        await using store = openSqlite(folder.file());
        await store.append([newEvent(2 * n), newEvent(2 * n + 1)]);
        for (const { id } of await collect(store.list())) ids.push(id);
      }
      assertEquals(ids, ["1", "2", "3", "4", "5", "6", "7", "8"], how);
    }
  }
});

Deno.test("openSqlite() forgets a given key after its time, unless it is kept", async () => {
  using folder = new Folder();
  const options = { rememberKeysMs: 0 };
  const done = newEvent(0, { isKeyGiven: true });
  const kept = newEvent(1, { isKeyGiven: true, target: "jsonrpc:a:1" });
  {
    await using store = openSqlite(folder.file(), options);
    await store.append([done, kept]);
    await takeAll(store);
  }
  await using store = openSqlite(folder.file(), options);
  assertEquals(await store.append([done, kept]), ["stored", "known"]);
});

Deno.test("openSqlite() keeps a file small that was large", async () => {
  using folder = new Folder();
  await using store = openSqlite(folder.file());
  const params = JSON.stringify(["x".repeat(1000)]);
  for (let n = 0; n < 10_000; n += 1000) {
    await store.append(
      Array.from({ length: 1000 }, (_, i) => newEvent(n + i, { params })),
    );
  }
  assert(Deno.statSync(folder.file()).size > 9e6);
  assertEquals((await takeAll(store)).length, 10_000);
  await store.close();
  const { size } = Deno.statSync(folder.file());
  assert(size < 3e6, `${size} bytes`);
});

Deno.test("openSqlite() throws for what it cannot open, and leaves it as it is", () => {
  using folder = new Folder();
  const cases: [string, (path: string) => void, string][] = [
    [
      "text",
      (path) => Deno.writeTextFileSync(path, "x".repeat(5000)),
      "not a database",
    ],
    ["other", (path) => {
      const database = openDatabase(path);
      database.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
      database.close();
    }, "a database of something else"],
    ["newer", (path) => {
      openSqlite(path).close();
      const database = openDatabase(path);
      database.exec("PRAGMA user_version = 9");
      database.close();
    }, "its version is 9"],
    ["none/none", () => {}, "unable to open"],
  ];
  for (const [name, make, message] of cases) {
    const path = folder.file(name);
    make(path);
    const before = name === "none/none" ? undefined : Deno.readFileSync(path);
    const error = assertThrows(() => openSqlite(path), StoreError, message);
    assert(error.message.startsWith(`Cannot open ${JSON.stringify(path)}`));
    if (before !== undefined) assertEquals(Deno.readFileSync(path), before);
  }
  assertThrows(() => openSqlite(""), TypeError, "path");
  const rememberKeysMs = -1;
  assertThrows(
    () => openSqlite(folder.file(), { rememberKeysMs }),
    RangeError,
    "rememberKeysMs -1",
  );
});

Deno.test("openSqlite() tells a second process who delivers, and lets it look", async () => {
  using folder = new Folder();
  const dead = "9"; // nobody listens at this port
  await using program = new Program("raiser.ts", [
    folder.file(),
    "1",
    "1",
    dead,
  ]);
  await program.until((lines) => lines.includes("ack 30"));
  await using store = openSqlite(folder.file());
  const error = await assertRejects(
    () => store.append([newEvent(0)]),
    StoreError,
    `process ${program.pid} does`,
  );
  assertEquals([error.reason, error.pid], ["busy", program.pid]);
  await assertRejects(
    () => store.deliver({ window: 1, onTarget() {} }),
    StoreError,
    `process ${program.pid}`,
  );

  const [{ kept }] = await store.stats();
  assert(kept >= 30, `${kept}`);
  const all = await collect(store.list());
  assert(all.length >= kept);
  const ids = all.slice(0, 10).map(({ id }) => id);
  assertEquals(await store.drop({ ids }), 10);
  // The one that delivers takes note, and goes on with the next.
  await program.until((lines) => lines.includes("postponed 11 9"));

  // What a killed process held is free at once.
  await program.kill();
  assertEquals(await store.append([newEvent(0)]), ["stored"]);
});

Deno.test("openSqlite() tells a second store of the same process so", async () => {
  using folder = new Folder();
  await using store = openSqlite(folder.file());
  await store.append([newEvent(0)]);
  await using second = openSqlite(folder.file());
  const ask = () => second.append([newEvent(1)]);
  await assertRejects(ask, StoreError, "another store of this process");
  assertEquals((await collect(second.list())).length, 1);
  await store.close();
  assertEquals(await ask(), ["stored"]);
});

/** What can happen to the bytes of a file. */
const DAMAGES: [
  string,
  (bytes: Uint8Array, random: () => number) => Uint8Array,
][] = [
  ["cut", (bytes, random) => bytes.slice(0, 1 + random() * bytes.length)],
  ["zeroed", (bytes, random) => {
    const start = Math.floor(random() * bytes.length);
    return bytes.fill(0, start, start + 1 + random() * 9000);
  }],
  ["flipped", (bytes, random) => {
    for (let n = 1 + random() * 20; n > 0; n--) {
      bytes[Math.floor(random() * bytes.length)] ^= 1 <<
        Math.floor(random() * 8);
    }
    return bytes;
  }],
  ["a flipped bit", (bytes, random) => {
    // Behind the first page, which says what is where.
    const at = 4096 + Math.floor(random() * (bytes.length - 4096));
    bytes[at] ^= 1 << Math.floor(random() * 8);
    return bytes;
  }],
  ["a zeroed page", (bytes, random) => {
    const page = 1 + Math.floor(random() * (bytes.length / 4096 - 1));
    return bytes.fill(0, page * 4096, (page + 1) * 4096);
  }],
];

Deno.test("openSqlite() never gives a wrong event from a damaged file", async () => {
  using folder = new Folder();
  const count = 400;
  const params = Array.from(
    { length: count },
    (_, n) => JSON.stringify({ n, filling: "x".repeat(n % 300) }),
  );
  const whole = folder.file("whole.db");
  {
    await using store = openSqlite(whole);
    await store.append(params.map((params, n) => newEvent(n, { params })));
  }
  const bytes = Deno.readFileSync(whole);
  const seed = newSeed();
  const random = randomFrom(seed);
  const found = new Map<string, number>();
  for (let round = 0; round < 50; round++) {
    const [what, damage] = DAMAGES[round % DAMAGES.length];
    const path = folder.file(`${round}.db`);
    Deno.writeFileSync(path, damage(bytes.slice(), random));
    const about = `${what}, round ${round}, seed ${seed}`;
    let got: string[] = [];
    const warnings: string[] = [];
    try {
      await using store = openSqlite(path, {
        onWarning: (message) => warnings.push(message),
      });
      got = await takeAll(store);
    } catch (error) {
      assert(error instanceof StoreError, `${about}: ${error}`);
    }
    const numbers = got.map((text) => JSON.parse(text).n as number);
    for (const [i, n] of numbers.entries()) {
      assertEquals(got[i], params[n], about);
      assert(i === 0 || numbers[i - 1] < n, `${about}: ${n} is out of order`);
    }
    if (got.length > 0 && got.length < count) {
      assert(warnings.length > 0, about);
    }
    found.set(what, (found.get(what) ?? 0) + got.length);
  }
  // What can be read is kept: a flipped bit costs an event, or a page of them.
  const least = count * 10 / 2;
  assert(found.get("a flipped bit")! > least, `${JSON.stringify([...found])}`);
  assert(found.get("a zeroed page")! > 0, `${JSON.stringify([...found])}`);
});

Deno.test("openSqlite() says what it could read of a damaged file", async () => {
  using folder = new Folder();
  const path = folder.file();
  {
    await using store = openSqlite(path);
    const params = JSON.stringify(["x".repeat(900)]);
    await store.append(
      Array.from({ length: 100 }, (_, n) => newEvent(n, { params })),
    );
    await store.drop({ ids: ["100"] });
    await store.subscribe({ event: "E_X", socket: TARGET });
  }
  const bytes = Deno.readFileSync(path);
  // The page in the middle holds events.
  const page = Math.floor(bytes.length / 4096 / 2);
  Deno.writeFileSync(path, bytes.fill(0, page * 4096, (page + 1) * 4096));
  const { store, warnings } = openQuietly(path);
  const kept = (await collect(store.list())).length;
  assert(kept >= 90 && kept < 100, `${kept}`);
  assertEquals((await store.subscriptions()).length, 1);
  const [warning] = warnings;
  assert(warning.includes(`${kept} events and 1 subscriptions`), warning);
  assert(
    warning.endsWith(`the damaged file is now "${path}-damaged"`),
    warning,
  );
  assert(Deno.statSync(`${path}-damaged`).size === bytes.length);
  await store.append([newEvent(0)]);
  const { id } = (await collect(store.list())).at(-1)!;
  assertEquals(id, "101"); // no id comes again
  await store.close();
  const { store: again, warnings: none } = openQuietly(path);
  assertEquals(none, []);
  assertEquals((await collect(again.list())).length, kept + 1);
  await again.close();
});

Deno.test("openSqlite() sets an event aside whose checksum is wrong", async () => {
  using folder = new Folder();
  const path = folder.file();
  {
    await using store = openSqlite(path);
    await store.append([0, 1, 2].map((n) => newEvent(n)));
  }
  const database = openDatabase(path);
  database.exec(`UPDATE events SET params = '{"n":7}' WHERE seq = 2`);
  database.close();
  const { store, warnings } = openQuietly(path);
  assertEquals(await takeAll(store), ['{"n":0}', '{"n":2}']);
  assertEquals(warnings.length, 1);
  const [damaged] = await collect(store.list());
  assert(damaged.refusal!.message.includes("checksum"));
  assertEquals((await store.stats())[0].setAside, 1);
  // Retried, it is found to be so again.
  assertEquals(await store.retry(), 1);
  await store.close();
});

/** How a program is started that sees a file system of its own. */
const mounted = (how: string, at: string) => [
  ...["unshare", "-m", "sh", "-c", 'mount $0 && exec "$@"'],
  `${how} ${at}`,
];

/** The name of a test, and whether it is ignored: where nothing can be mounted. */
async function needsMount(
  name: string,
  how: (folder: Folder) => Promise<string>,
) {
  using folder = new Folder();
  const [command, ...args] = mounted(await how(folder), folder.path);
  const { success, text } = await succeeds(command, ...args, "true");
  const [problem] = text.trim().split("\n");
  return success
    ? { name, ignore: false }
    : { name: `${name} (skipped: ${problem || "no mount"})`, ignore: true };
}

const smallDisk = () => Promise.resolve("-t tmpfs -o size=8m tmpfs");

Deno.test({
  ...await needsMount("openSqlite() survives a disk that is full", smallDisk),
  async fn() {
    using folder = new Folder();
    const before = mounted(await smallDisk(), folder.path);
    await using program = new Program("disk_full.ts", [folder.path], before);
    await program.ended;
    const { acknowledged, fileBytes, ...rest } = JSON.parse(program.lines[0]);
    assert(acknowledged > 1000, `${acknowledged}`);
    assert(fileBytes < 3e6, `${fileBytes}`);
    assertEquals(rest, {
      acknowledgedWhenFull: 0,
      lost: 0,
      wrong: 0,
      twice: 0,
      kept: 0,
      isKeptAgain: true,
      failures: ["full"],
    });
  },
});

/** A file system in a file, which has what was synced, and no more. */
async function disk(folder: Folder): Promise<string> {
  const image = folder.file("image");
  const file = Deno.openSync(image, { write: true, create: true });
  file.truncateSync(32 * 1024 * 1024);
  file.close();
  await succeeds("mkfs.ext4", "-q", "-F", image);
  return `-o loop ${image}`;
}

Deno.test({
  ...await needsMount("openSqlite() loses nothing in a power cut", disk),
  async fn() {
    using folder = new Folder();
    const mount = folder.file("mount");
    Deno.mkdirSync(mount);
    const how = await disk(folder);
    const file = `${mount}/events.db`;
    const dead = "9"; // nobody listens at this port
    for (const [round, count] of [1, 20, 45, 90].entries()) {
      const before = mounted(how, mount);
      const args = [file, String(round * 1000), "1", dead];
      await using program = new Program("raiser.ts", args, before);
      const acknowledged = () =>
        program.lines.filter((line) => line.startsWith("ack "));
      await program.until(() => acknowledged().length >= count);
      program.signal("SIGSTOP");
      // What was acknowledged by now is in the pipe. The file has no more than
      // was synced: the rest is still in the memory of the file system.
      Deno.copyFileSync(folder.file("image"), folder.file("copy"));
      await program.kill();
      const copy = how.replace("/image", "/copy");
      await using reader = new Program(
        "power_cut.ts",
        [file],
        mounted(copy, mount),
      );
      await reader.ended;
      const kept = new Set(reader.lines);
      for (const line of acknowledged()) {
        const n = line.slice("ack ".length);
        assert(kept.has(`kept ${n}`), `${n} was acknowledged, and is lost`);
      }
    }
  },
});
