import { assertEquals } from "@std/assert";
import { Gaps } from "../../src/server/gaps.ts";
import { Pace } from "../../src/server/pace.ts";
import { Reports } from "../../src/server/reports.ts";
import { ResponseWriter } from "../../src/server/response_writer.ts";
import { Timeouts } from "../../src/transport/timeouts.ts";
import { FakeTime } from "../helpers/fake_time.ts";

/** A writer to a peer that takes bytes when a test says so. */
function writerTo(
  { gapMs = 0 as number | "auto", takes = Infinity, idleTimeoutMs = 1000 } = {},
) {
  const writes: string[] = [];
  const { stats } = new Reports({});
  let lost = 0, written = 0;
  /** Ends the write under way, by so many bytes or a failure. */
  let end: (length: number | Error) => void = () => {};
  const connection = {
    write(bytes: Uint8Array): Promise<number> {
      const length = Math.min(bytes.length, takes);
      writes.push(new TextDecoder().decode(bytes));
      if (length > 0) return Promise.resolve(length);
      return new Promise((resolve, reject) => {
        end = (by) => by instanceof Error ? reject(by) : resolve(by);
      });
    },
  };
  const pace = new Pace(gapMs);
  const timeouts = new Timeouts();
  const options = { timeouts, gaps: new Gaps(), idleTimeoutMs, stats };
  const writer = new ResponseWriter(connection, pace, options, {
    written: () => written++,
    lost: () => {
      lost++;
      writer.close();
    },
  });
  return {
    writer,
    pace,
    writes,
    stats,
    end: (by: number | Error) => end(by),
    get lost() {
      return lost;
    },
    get written() {
      return written;
    },
  };
}

Deno.test("ResponseWriter writes all of one turn together when there is no gap", async () => {
  const { writer, writes, stats } = writerTo();
  for (const text of ["a", "b", "c"]) writer.write(text);
  assertEquals([writer.length, writer.hasBegun, writes], [3, true, []]);
  await writer.writing;
  assertEquals([writes, writer.length, stats.bytesSent], [["abc"], 0, 3]);
  writer.write("d");
  await writer.writing;
  assertEquals(writes, ["abc", "d"]);
  writer.close();
});

for (const gapMs of ["auto", 0.5, 2, 30] as const) {
  Deno.test(`ResponseWriter writes each response by itself with a gap of ${gapMs}`, async () => {
    using time = new FakeTime();
    const { writer, writes } = writerTo({ gapMs });
    for (const text of ["a", "b", "c"]) writer.write(text);
    const gap = gapMs === "auto" ? 0.5 : gapMs;
    await time.tick(0);
    assertEquals(writes, ["a"]);
    await time.tick(gap * 0.9);
    assertEquals(writes, ["a"]);
    await time.tick(gap * 0.1);
    assertEquals(writes, ["a", "b"]);
    await time.tick(gap);
    assertEquals(writes, ["a", "b", "c"]);
    await time.tick(gap);
    writer.write("d"); // which need not wait
    await time.tick(0);
    assertEquals(writes, ["a", "b", "c", "d"]);
    writer.close();
    assertEquals(time.timers, 0);
  });
}

Deno.test("ResponseWriter goes on without gaps once the peer is known", async () => {
  using time = new FakeTime();
  const { writer, writes, pace } = writerTo({ gapMs: "auto" });
  for (const text of ["a", "b", "c", "d"]) writer.write(text);
  await time.tick(0.5);
  pace.take(1);
  pace.take(2);
  await time.tick(0.5);
  assertEquals(writes, ["a", "b", "cd"]);
  writer.close();
});

Deno.test("ResponseWriter gives a peer that reads slowly its full time with each read", async () => {
  using time = new FakeTime();
  const writer = writerTo({ takes: 0 });
  writer.writer.write("x".repeat(10));
  for (let n = 0; n < 10; n++) {
    await time.tick(999);
    assertEquals(writer.lost, 0);
    writer.end(1);
  }
  await time.tick(0);
  assertEquals([writer.written, writer.stats.bytesSent], [1, 10]);
  assertEquals(writer.writes.map(({ length }) => length), [
    10,
    9,
    8,
    7,
    6,
    5,
    4,
    3,
    2,
    1,
  ]);
  await time.tick(100_000); // nothing is under way
  assertEquals(writer.lost, 0);
  writer.writer.close();
  assertEquals(time.timers, 0);
});

Deno.test("ResponseWriter gives a peer up that does not read", async () => {
  using time = new FakeTime();
  const writer = writerTo({ takes: 0 });
  writer.writer.write("abc");
  await time.tick(600);
  writer.end(1);
  writer.writer.write("d");
  await time.tick(999);
  assertEquals(writer.lost, 0);
  await time.tick(1);
  assertEquals([writer.lost, writer.stats.dropped], [1, 1]);
  writer.writer.write("e");
  assertEquals(writer.stats.dropped, 2);
  assertEquals(time.timers, 0);
});

Deno.test("ResponseWriter waits for ever if it may", async () => {
  using time = new FakeTime();
  const writer = writerTo({ takes: 0, idleTimeoutMs: Infinity });
  writer.writer.write("abc");
  await time.tick(10 * 3_600_000);
  assertEquals([writer.lost, time.timers], [0, 0]);
});

Deno.test("ResponseWriter tells that a peer takes no more", async () => {
  const writer = writerTo({ takes: 0 });
  writer.writer.write("abc");
  await null;
  writer.writer.write("d");
  const { writing } = writer.writer;
  await new Promise((r) => setTimeout(r));
  writer.end(new Error("gone"));
  await writing;
  assertEquals([writer.lost, writer.written, writer.stats.dropped], [1, 1, 1]);
});

Deno.test("ResponseWriter.endLines() ends responses with a line feed, also the last", async () => {
  const first = writerTo();
  first.writer.endLines(); // nothing has gone out: nothing is owed
  first.writer.write("a");
  first.writer.write("b");
  await first.writer.writing;
  assertEquals(first.writes, ["a\nb\n"]);
  first.writer.close();

  const late = writerTo();
  late.writer.write("a");
  await late.writer.writing;
  late.writer.endLines();
  late.writer.endLines();
  late.writer.write("b");
  await late.writer.writing;
  assertEquals(late.writes, ["a", "\nb\n"]);
  late.writer.close();

  const waiting = writerTo();
  waiting.writer.write("a"); // it has not gone out yet
  waiting.writer.endLines();
  await waiting.writer.writing;
  assertEquals(waiting.writes, ["a\n"]);
  waiting.writer.close();
});

Deno.test("ResponseWriter.probe() writes a space, unless a write is under way", async () => {
  const { writer, writes } = writerTo();
  writer.probe();
  await writer.writing;
  writer.write("a");
  writer.probe();
  await writer.writing;
  assertEquals(writes, [" ", "a"]);
  writer.close();
  writer.probe();
  assertEquals(writer.writing, undefined);
});
