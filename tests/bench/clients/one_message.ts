// A bare script: connects, writes one event as a line, and ends. With a second
// argument it tells how much memory that took.

const conn = await Deno.connect({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0]),
});
await conn.write(new TextEncoder().encode(
  '{"id":null,"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}\n',
));
conn.close();
if (Deno.args[1] === "memory") {
  const { peakBytesOf } = await import("../processes.ts");
  console.log(JSON.stringify({ peakBytes: peakBytesOf("self") }));
}
