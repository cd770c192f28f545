import process from "node:process";
import { connectNode } from "../../src/transport/node.ts";
import { runScenario } from "./scenario.ts";

const seen = await runScenario(connectNode, JSON.parse(process.argv[2]));
console.log(JSON.stringify(seen));
