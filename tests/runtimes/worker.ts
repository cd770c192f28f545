import { connectWorkers } from "../../src/transport/workers.ts";
import { runScenario } from "./scenario.ts";

export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(
      await runScenario(connectWorkers, await request.json()),
    );
  },
};
