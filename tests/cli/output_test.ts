import { assertEquals } from "@std/assert";
import { Output } from "../../src/cli/output.ts";

/** A terminal that takes `most` bytes at a time, and what it shows. */
function terminal(most: number) {
  let text = "";
  return {
    write(bytes: Uint8Array): Promise<number> {
      const piece = bytes.subarray(0, most);
      text += new TextDecoder().decode(piece);
      return Promise.resolve(piece.length);
    },
    isTerminal: () => true,
    /** The lines, after all that was cleared or written over. */
    lines: () =>
      text.split("\n").map((line) => line.slice(line.lastIndexOf("\x1b[K") + 1))
        .map((line) => line.replace(/^\[K/, "")),
  };
}

Deno.test("Output.showStatus() stays below all lines and shares none with them", async () => {
  for (const most of [1, 7, 1000]) {
    const sink = terminal(most);
    const output = new Output(sink, () => {}, true);
    output.print("one");
    output.showStatus("1 of 3");
    output.print("two");
    output.fail("three");
    await output.flush();
    output.showStatus("2 of 3");
    output.print("four");
    await output.flush();
    assertEquals(sink.lines(), [
      "one",
      "two",
      "error: three",
      "four",
      "2 of 3",
    ]);
    output.showStatus("");
    output.print("five");
    await output.flush();
    assertEquals(sink.lines().slice(3), ["four", "five", ""]);
  }
});
