// What the server answers: the number that a request's params end with, or
// `true`. Its id and that number are copied digit for digit.

const OPEN = 0x7b, CLOSE = 0x7d, CLOSE_ARRAY = 0x5d, COMMA = 0x2c;
const COLON = 0x3a, LF = 0x0a, ZERO = 0x30, NINE = 0x39;

const encoder = new TextEncoder(), decoder = new TextDecoder();
const HEAD = encoder.encode('{"jsonrpc":"2.0","result":');
const ID = '"id":';
const MIDDLE = encoder.encode("," + ID);
const TRUE = encoder.encode("true");
const HEADER = encoder.encode("Content-Length: 00\r\n\r\n");
const HEADER_DIGITS_AT = "Content-Length: ".length;

/** No response to a request is longer than this and the request. */
export const MAX_ADDED_BYTES = HEADER.length + HEAD.length + MIDDLE.length + 8;

/** How the requests of a connection are laid out, and so their responses. */
export class Responses {
  /** Whether messages begin with a `Content-Length`. */
  readonly #hasHeader: boolean;
  readonly #hasLines: boolean;
  /** From the opening bracket to the id; `undefined`: the id stands last. */
  readonly #idAt: number | undefined;
  #out: Uint8Array = new Uint8Array();
  #length = 0;

  private constructor(text: string, hasLines: boolean, isIdFirst: boolean) {
    const open = text.indexOf("{");
    this.#hasHeader = open > 0;
    this.#hasLines = hasLines;
    // All that comes before the params, its own value aside, never varies.
    const idAt = text.indexOf(ID) + ID.length - open;
    this.#idAt = isIdFirst ? idAt : undefined;
  }

  /** Learns it from the first message; `undefined`: that is a notification. */
  static of(message: Uint8Array, hasLines: boolean): Responses | undefined {
    const text = decoder.decode(message);
    const request: object = JSON.parse(text.slice(text.indexOf("{")));
    if ((request as { id?: unknown }).id == null) return;
    const names = Object.keys(request);
    return new Responses(
      text,
      hasLines,
      // Params may have an id as well.
      names.indexOf("id") < names.indexOf("params"),
    );
  }

  /** Begins anew; responses will be written to these bytes. */
  begin(out: Uint8Array): void {
    this.#out = out;
    this.#length = 0;
  }

  /** The responses since then. */
  get bytes(): Uint8Array {
    return this.#out.subarray(0, this.#length);
  }

  /** Adds the response to the request from one index to another. */
  add(bytes: Uint8Array, from: number, to: number): void {
    let i = to - (this.#hasLines ? 2 : 1); // the bracket that closes it
    let idStart: number, idEnd: number;
    if (this.#idAt === undefined) {
      idEnd = i;
      while (bytes[i - 1] !== COLON) i--;
      idStart = i;
      i -= MIDDLE.length + 1; // where the params end
    } else {
      while (bytes[from] !== OPEN) from++;
      idStart = idEnd = from + this.#idAt;
      while (bytes[idEnd] !== COMMA) idEnd++;
    }
    while (bytes[i] === CLOSE || bytes[i] === CLOSE_ARRAY) i--;
    const resultEnd = i + 1;
    while (bytes[i] >= ZERO && bytes[i] <= NINE) i--;
    const start = this.#length;
    if (this.#hasHeader) this.#copy(HEADER, 0, HEADER.length);
    this.#copy(HEAD, 0, HEAD.length);
    if (i + 1 === resultEnd) this.#copy(TRUE, 0, TRUE.length);
    else this.#copy(bytes, i + 1, resultEnd);
    this.#copy(MIDDLE, 0, MIDDLE.length);
    this.#copy(bytes, idStart, idEnd);
    this.#out[this.#length++] = CLOSE;
    if (this.#hasLines) this.#out[this.#length++] = LF;
    if (this.#hasHeader) this.#fillHeader(start);
  }

  #copy(bytes: Uint8Array, from: number, to: number): void {
    const out = this.#out;
    let length = this.#length;
    for (let i = from; i < to; i++) out[length++] = bytes[i];
    this.#length = length;
  }

  /** The length always has two digits. */
  #fillHeader(start: number): void {
    const length = this.#length - start - HEADER.length;
    const at = start + HEADER_DIGITS_AT;
    this.#out[at] = ZERO + Math.floor(length / 10);
    this.#out[at + 1] = ZERO + length % 10;
  }
}
