/** What may be mistyped in an event that was raised by hand. */

import type { JsonText } from "../../mod.ts";
import { hintsFor } from "../opensips/find_events.ts";
import { stderr } from "./output.ts";
import { printable } from "./printable.ts";

/** Prints what may be mistyped in the name of an event and of its params. */
export function printHints(event: string, params: JsonText): void {
  const value = params.parse();
  const names = Array.isArray(value) ? [] : Object.keys(value as object);
  for (const hint of hintsFor(event, names)) {
    stderr.print(printable(`hint: ${hint}`));
  }
}
