// A thread of the server that spins while there are connections, so that the
// machine does not fall asleep between a request and its reply. Of one request
// in flight, most of the time is otherwise that of processors that wake up.

addEventListener("message", (event) => {
  const connections: Int32Array = (event as MessageEvent).data;
  for (;;) {
    Atomics.wait(connections, 0, 0);
    while (Atomics.load(connections, 0) > 0);
  }
});
