import { assertEquals } from "@std/assert";
import { Log } from "../../src/cli/log.ts";
import { until } from "../helpers/until.ts";

/** A disk with room for so many bytes, and a log on it. */
function diskOf(room: number, most = Infinity) {
  const disk = { text: "", room, tries: 0, errors: [] as string[] };
  const decoder = new TextDecoder();
  const sink = {
    write(bytes: Uint8Array): Promise<number> {
      disk.tries++;
      if (disk.room === 0) return Promise.reject(new Error("the disk is full"));
      const length = Math.min(bytes.length, disk.room, most);
      disk.room -= length;
      disk.text += decoder.decode(bytes.subarray(0, length), { stream: true });
      return Promise.resolve(length);
    },
  };
  const log = new Log(sink, {
    formatLost: (count) => `(${count} lost)`,
    onFailure: ({ message }) => void disk.errors.push(message),
  }, 0);
  return { disk, log };
}

Deno.test("Log counts the lines that are lost, and says so when it can write again", async () => {
  const lines = ["first", "zweite é", "3", "漢字 four"];
  const bytes = new TextEncoder().encode(lines.join("\n") + "\n").length;
  for (const most of [1, 5, Infinity]) {
    for (let room = 0; room <= bytes; room++) {
      const { disk, log } = diskOf(room, most);
      for (const line of lines) log.print(line);
      await log.flush();
      const isFull = room < bytes;
      assertEquals(disk.errors, isFull ? ["the disk is full"] : []);
      // What comes while it fails is lost too.
      const { tries } = disk;
      if (isFull) log.print("lost");
      await until(() => !isFull || disk.tries >= tries + 3);
      assertEquals(disk.errors.length, isFull ? 1 : 0);
      disk.room = Infinity;
      await until(() => log.lost === 0 && disk.text.endsWith("\n"));
      log.print("again");
      await until(() => disk.text.endsWith("again\n"));
      const shown = disk.text.split("\n").slice(0, -1);
      const whole = shown.indexOf("again") - (isFull ? 1 : 0);
      // Lines that had begun are whole, and none is missing without a word.
      const lost = lines.length - whole + 1;
      assertEquals(
        shown,
        isFull
          ? [...lines.slice(0, whole), `(${lost} lost)`, "again"]
          : [...lines, "again"],
        `room for ${room}, ${most} at a time`,
      );
    }
  }
});

Deno.test("Log bounds what waits for a reader that does not read", async () => {
  let take = () => {};
  let text = "";
  const log = new Log({
    async write(bytes) {
      await new Promise<void>((resolve) => take = resolve);
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  }, { formatLost: (count) => `(${count} lost)`, onFailure() {} });
  for (let n = 0; n < 5000; n++) log.print(`${n} ${"x".repeat(1000)}`);
  await until(() => log.lost === 0);
  for (let n = 0; n < 5000; n++) log.print(`${n} ${"x".repeat(1000)}`);
  let isFlushed = false;
  log.flush().then(() => isFlushed = true);
  await until(() => {
    take();
    return isFlushed;
  });
  const lines = text.split("\n").slice(0, -1);
  const lost = lines.flatMap((line) => {
    const [, count] = /^\((\d+) lost\)$/.exec(line) ?? [];
    return count === undefined ? [] : [Number(count)];
  });
  const written = lines.length - lost.length;
  assertEquals(written + lost.reduce((a, b) => a + b), 10_000);
});
