import { connect as open } from "cloudflare:sockets";
import type { Connect } from "../../mod.ts";

const connect: Connect = async (hostname, port, { signal }) => {
  const socket = open({ hostname, port }, { allowHalfOpen: true });
  signal.addEventListener("abort", () => socket.close());
  await socket.opened;
  return socket;
};

// What follows is of the test.
import { runScenario } from "./scenario.ts";

export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(await runScenario(connect, await request.json()));
  },
};
