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
  let rest: string[] = []; // pieces, as to join them each time takes long
  let length = 0;
  let isTooLong = false;
  for (;;) {
    const { value, done } = await reader.read();
    const text = done
      ? decoder.decode()
      : decoder.decode(value, { stream: true });
    const lines: (string | undefined)[] = [];
    for (const [i, part] of text.split("\n").entries()) {
      if (i > 0) {
        lines.push(isTooLong ? undefined : rest.join(""));
        rest = [];
        length = 0;
        isTooLong = false;
      }
      length += part.length;
      if (length > MAX_LINE_LENGTH) {
        isTooLong = true;
        rest = [];
      } else {
        rest.push(part);
      }
    }
    if (done && length > 0) lines.push(isTooLong ? undefined : rest.join(""));
    if (lines.length > 0) {
      yield lines.map((line) =>
        line?.endsWith("\r") ? line.slice(0, -1) : line
      );
    }
    if (done) return;
  }
}
