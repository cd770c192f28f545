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

  /** Keeps the start of a line, or more of it. */
  function keep(piece: string): void {
    length += piece.length;
    if (length > MAX_LINE_LENGTH) rest = [];
    else if (piece !== "") rest.push(piece);
  }

  /** Gives the line that ends with `piece`, nearly always all of it. */
  function endLine(piece: string): string | undefined {
    length += piece.length;
    let line: string | undefined = piece;
    if (length > MAX_LINE_LENGTH) line = undefined;
    else if (length > piece.length) line = rest.join("") + piece;
    if (rest.length > 0) rest = [];
    length = 0;
    return line?.endsWith("\r") ? line.slice(0, -1) : line;
  }

  for (;;) {
    const { value, done } = await reader.read();
    const text = done
      ? decoder.decode()
      : decoder.decode(value, { stream: true });
    const lines: (string | undefined)[] = [];
    let start = 0;
    for (
      let end = text.indexOf("\n");
      end !== -1;
      end = text.indexOf("\n", start)
    ) {
      lines.push(endLine(text.slice(start, end)));
      start = end + 1;
    }
    keep(text.slice(start));
    if (done && length > 0) lines.push(endLine(""));
    if (lines.length > 0) yield lines;
    if (done) return;
  }
}
