/**
 * Looking up the events of OpenSIPS, and who has mistyped one.
 *
 * @module
 */

import { didYouMean } from "../protocol/did_you_mean.ts";
import { quote } from "../protocol/errors.ts";
import {
  CATALOGUE,
  type CatalogueEntry,
  type OpenSipsVersion,
} from "./catalogue.ts";
import { matcherOf } from "./patterns.ts";

/** A param of an event of OpenSIPS. */
export interface OpenSipsEventParam {
  /** Its name. */
  name: string;
  /** The versions that have it. */
  versions: OpenSipsVersion[];
}

/** An event of OpenSIPS. */
export interface OpenSipsEventInfo {
  /** Its name. */
  event: string;
  /** The module that raises it, or `core`. */
  module: string;
  /** The versions that have it. */
  versions: OpenSipsVersion[];
  /** Its params, in the order in which the latest version sends them. */
  params: OpenSipsEventParam[];
  /** What else is to be known. */
  note?: string | undefined;
}

const VERSIONS: readonly OpenSipsVersion[] = ["3.0", "4.0"];

/**
 * Finds the events of OpenSIPS 3.0 and 4.0 by a name, or a pattern such as
 * `E_UL_*`. In a list they stand by their modules, those of the core first.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findEvents } from "./mod.ts";
 *
 * const [{ module, params }] = findEvents("E_PIKE_BLOCKED");
 * assertEquals(module, "pike");
 * assertEquals(params, [{ name: "ip", versions: ["3.0", "4.0"] }]);
 * ```
 *
 * @param pattern All events by default.
 */
export function findEvents(pattern: string = "*"): OpenSipsEventInfo[] {
  const fits = matcherOf(pattern);
  const entries: [string, CatalogueEntry][] = Object.entries(CATALOGUE);
  return entries.filter(([event]) => fits(event)).map(toInfo);
}

/**
 * Hints at what may be mistyped in an event that is raised or awaited: a name
 * that is nearly one of OpenSIPS's, and params that its event does not have. Own
 * events and events that take any param give no hint.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hintsFor } from "./mod.ts";
 *
 * assertEquals(hintsFor("E_PIKE_BLOCKED", ["ipp"]), [
 *   'E_PIKE_BLOCKED of OpenSIPS has no param "ipp", did you mean "ip"?',
 * ]);
 * ```
 *
 * @param names The names of its params.
 */
export function hintsFor(event: string, names: Iterable<string>): string[] {
  if (!Object.hasOwn(CATALOGUE, event)) {
    const meant = didYouMean(event, Object.keys(CATALOGUE));
    return meant === ""
      ? []
      : [`OpenSIPS has no event ${quote(event)}${meant}`];
  }
  if (OPEN.includes(event)) return [];
  const known = findEvents(event)[0]!.params.map(({ name }) => name);
  const unknown = [...new Set(names)].filter((name) => !known.includes(name));
  return unknown.map((name) =>
    `${event} of OpenSIPS has no param ${quote(name)}` +
    (didYouMean(name, known) || `; it has ${known.join(", ")}`)
  );
}

/** The events that may have any params beside their own. */
const OPEN: readonly string[] = [
  "E_ACC_EVENT",
  "E_ACC_CDR",
  "E_ACC_MISSED_EVENT",
  "E_RTPENGINE_NOTIFICATION",
];

function toInfo(
  [event, { module, params, note }]: [string, CatalogueEntry],
): OpenSipsEventInfo {
  const versions = VERSIONS.filter((version) => params[version] !== undefined);
  const names = new Set(
    versions.toReversed().flatMap((version) => params[version]!),
  );
  return {
    event,
    module,
    versions,
    params: Array.from(names, (name) => ({
      name,
      versions: versions.filter((v) => params[v]!.includes(name)),
    })),
    ...note !== undefined && { note },
  };
}
