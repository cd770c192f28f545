import { runScenario } from "./scenario.ts";

// Deno's own connect is what a client uses when it is given none.
const seen = await runScenario(undefined, JSON.parse(Deno.args[0]));
console.log(JSON.stringify(seen));
