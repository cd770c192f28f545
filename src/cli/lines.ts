/** Lines of a stream, as they come in. */

/** The longest line that is kept, in UTF-16 code units. */
export const MAX_LINE_LENGTH = 16 * 1024 * 1024;

/**
 * Gives the lines of each piece of the stream as soon as that comes in, without
 * their ends (`\n` or `\r\n`); a line that is too long as `undefined`. An abort
 * ends it.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<(string | undefined)[], void> {
  const reader = stream.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  const decoder = new TextDecoder();
  let rest = "";
  let isTooLong = false;
  for (;;) {
    const { value, done } = await reader.read();
    const text = done
      ? decoder.decode()
      : decoder.decode(value, { stream: true });
    const lines: (string | undefined)[] = (rest + text).split("\n");
    rest = lines.pop()!;
    if (isTooLong && lines.length > 0) {
      lines[0] = undefined;
      isTooLong = false;
    }
    if (rest.length > MAX_LINE_LENGTH) isTooLong = true;
    if (isTooLong) rest = "";
    if (done && (rest !== "" || isTooLong)) {
      lines.push(isTooLong ? undefined : rest);
    }
    if (lines.length > 0) {
      yield lines.map((line) =>
        line?.endsWith("\r") ? line.slice(0, -1) : line
      );
    }
    if (done) return;
  }
}
