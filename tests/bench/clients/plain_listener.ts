// A listener of some 60 lines of plain Deno, as one writes it when there is no
// library: it counts notifications, and answers requests with the number that
// they bring. It has neither limits nor errors, and believes what comes.

import { reportToParent } from "../server/parent.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, OPEN = 0x7b, CLOSE = 0x7d;
const received = { messages: 0, requests: 0, oddBytes: 0 };
const encoder = new TextEncoder();

function handle(params: { n: number }, isRequest: boolean): unknown {
  if (isRequest) {
    received.requests++;
    return params.n;
  }
  received.messages++;
}

/** Where the object ends that begins at an index, or -1. */
function endOf(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === OPEN) depth++;
    else if (code === CLOSE && --depth === 0) return i + 1;
    else if (code === QUOTE) {
      do {
        i = text.indexOf('"', i + 1);
        if (i === -1) return -1;
      } while (isEscaped(text, i));
    }
  }
  return -1;
}

function isEscaped(text: string, i: number): boolean {
  let start = i;
  while (text.charCodeAt(start - 1) === BACKSLASH) start--;
  return (i - start) % 2 === 1;
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const decoder = new TextDecoder(), buffer = new Uint8Array(64 * 1024);
  let text = "";
  for (;;) {
    const length = await conn.read(buffer);
    if (length === null) break;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
    let start = 0, responses = "";
    for (let end; (end = endOf(text, start)) !== -1; start = end) {
      const { id, params } = JSON.parse(text.slice(start, end));
      const result = handle(params, id !== null);
      if (id === null) continue;
      responses += JSON.stringify({ jsonrpc: "2.0", result, id });
    }
    text = text.slice(start);
    for (let bytes = encoder.encode(responses); bytes.length > 0;) {
      bytes = bytes.subarray(await conn.write(bytes));
    }
  }
  conn.close();
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
(async () => {
  for await (const conn of listener) serve(conn);
})();
await reportToParent([listener.addr.port], received);
