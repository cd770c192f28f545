/**
 * For the tests of applications: {@linkcode recordEvents} listens to events and
 * waits for them, {@linkcode fakeServer} treats badly who raises them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventInterface } from "../../mod.ts";
 * import { recordEvents } from "./mod.ts";
 *
 * await using recorder = recordEvents();
 * await using events = new EventInterface();
 * events.subscribe("E_CALL_START", recorder.socket);
 * events.raise("E_CALL_START", { caller: "alice" });
 * const { params } = await recorder.next("E_CALL_START");
 * assertEquals(params, { caller: "alice" });
 * ```
 *
 * @module
 */

export {
  type EventRecorder,
  type JsonResult,
  type NextOptions,
  type RecordedResponse,
  recordEvents,
  type RecordEventsOptions,
} from "./record_events.ts";
export {
  type FakeBehavior,
  type FakeRequest,
  type FakeResponse,
  type FakeServer,
  fakeServer,
  type FakeServerOptions,
} from "./fake_server.ts";
