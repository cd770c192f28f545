/** Lines of a stream, as they come in. */

/** The longest line that is kept, in bytes. */
export const MAX_LINE_BYTES: number = 16 * 1024 * 1024;

/** A line that cannot be read. */
export class LineError extends Error {
  override name = "LineError";
  /** The line as it came; absent if it is too long to be kept. */
  readonly bytes: Uint8Array | undefined;

  constructor(message: string, bytes?: Uint8Array) {
    super(message);
    this.bytes = bytes;
  }
}

const TOO_LONG = new LineError(`it is longer than ${MAX_LINE_BYTES} bytes`);
const NEWLINE = 0x0a;
// Without ignoreBOM it drops a U+FEFF at each place where decoding begins.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Gives the lines of each piece of the stream as soon as that comes in, without
 * their ends (`\n`) and without a byte order mark before the first; for a line
 * that is too long, or is not UTF-8, an error. An abort ends it.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<(string | LineError)[], void> {
  const reader = stream.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  let rest: Uint8Array[] = []; // joined when the line ends, which is quicker
  let length = 0;
  let isFirst = true;

  /** Keeps the start of a line, or more of it. */
  function keep(piece: Uint8Array): void {
    length += piece.length;
    if (length > MAX_LINE_BYTES) rest = [];
    else if (piece.length > 0) rest.push(piece);
  }

  /** Ends the line that was kept. */
  function endLine(): string | LineError {
    const line = length > MAX_LINE_BYTES ? TOO_LONG : toLine(join(rest));
    rest = [];
    length = 0;
    return line;
  }

  for (;;) {
    const { value = new Uint8Array(0), done } = await reader.read();
    let lines: (string | LineError)[] = [];
    const end = value.lastIndexOf(NEWLINE) + 1;
    let start = 0;
    if (end > 0 && length > 0) {
      start = value.indexOf(NEWLINE) + 1;
      keep(value.subarray(0, start - 1));
      lines.push(endLine());
    }
    if (end > start) {
      lines = lines.concat(split(value.subarray(start, end - 1)));
    }
    keep(value.subarray(end));
    if (done && length > 0) lines.push(endLine());
    const [first] = lines;
    if (isFirst && typeof first === "string") {
      lines[0] = first.replace(/^\ufeff/, "");
    }
    if (lines.length > 0) {
      isFirst = false;
      yield lines;
    }
    if (done) return;
  }
}

/** Splits whole lines. In UTF-8 the byte of a newline stands for nothing else. */
function split(bytes: Uint8Array): (string | LineError)[] {
  // To decode all lines at once is quicker than one by one.
  const text = bytes.length > MAX_LINE_BYTES ? undefined : decode(bytes);
  if (text !== undefined) return text.split("\n");
  const lines: (string | LineError)[] = [];
  for (let start = 0; start <= bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    lines.push(toLine(bytes.subarray(start, end)));
    start = end + 1;
  }
  return lines;
}

function toLine(bytes: Uint8Array): string | LineError {
  if (bytes.length > MAX_LINE_BYTES) return TOO_LONG;
  return decode(bytes) ?? new LineError("it is not UTF-8", bytes.slice());
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function join(pieces: Uint8Array[]): Uint8Array {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
