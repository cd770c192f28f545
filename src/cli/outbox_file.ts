/** The file of an outbox. */

import {
  buildMessage,
  type EventInterface,
  type EventParams,
} from "../../mod.ts";
import {
  type EventStore,
  openSqlite,
  Outbox,
  type OutboxOptions,
} from "../outbox/mod.ts";
import { type Arguments, UsageError } from "./arguments.ts";

/** What stands behind the file's name: it, and what is needed beside it. */
const ENDINGS = ["", "-wal", "-shm", "-lock", "-ballast"];

/**
 * Opens the file.
 *
 * @throws {UsageError} if there is no permission to use it; it says which one.
 * @throws {StoreError} if it cannot be opened.
 */
export function openOutboxFile(
  path: string,
  onWarning: (message: string) => void,
): EventStore {
  try {
    return openSqlite(path, { onWarning });
  } catch (error) {
    throw problemOf(error as Error, path);
  }
}

/** An outbox on a file, in front of an Event Interface. */
export interface OutboxOnFile {
  readonly outbox: Outbox;
  readonly store: EventStore;
}

/**
 * Opens the file, and begins to deliver what is kept in it. Rejects as
 * `openOutboxFile` throws, and if another process delivers from it.
 */
export async function startOutbox(
  path: string,
  events: EventInterface,
  { onWarning, ...options }: OutboxOptions & {
    onWarning: (message: string) => void;
  },
): Promise<OutboxOnFile> {
  const store = openOutboxFile(path, onWarning);
  const outbox = new Outbox(store, events, options);
  try {
    await outbox.ready;
  } catch (error) {
    await outbox.close();
    await store.close();
    throw problemOf(error as Error, path);
  }
  return { outbox, store };
}

/** The same error; or, where a permission is missing, one that names it. */
function problemOf(error: Error, path: string): Error {
  const isForbidden = [error, error.cause].some((error) =>
    error instanceof Deno.errors.NotCapable
  );
  if (!isForbidden) return error;
  const files = ENDINGS.map((ending) => path + ending).join();
  return new UsageError(
    `cannot use the outbox ${
      JSON.stringify(path)
    }: there is no permission, run it with --allow-read=${files} --allow-write=${files}`,
  );
}

/**
 * Reads `--key-param`, under which the key goes out.
 *
 * @throws {UsageError} if the event's name goes out under the same.
 */
export function toKeyParam({ text }: Arguments): string | undefined {
  const keyParam = text("key-param");
  if (keyParam !== undefined && keyParam === text("event-param")) {
    throw new UsageError(
      `--key-param and --event-param are both ${
        JSON.stringify(keyParam)
      }, expected two names`,
    );
  }
  return keyParam;
}

/** Any, to see whether params are right: they are the same for all. */
const DIALECT = { protocol: "jsonrpc" } as const;

/**
 * Checks an event as it is checked when it goes out: what is kept must not be
 * found wrong then.
 *
 * @throws {ParamsError} if one of its params has the name of the event param.
 */
export function checkEvent(
  event: string,
  params: EventParams | undefined,
  eventParam: string | undefined,
): void {
  buildMessage(DIALECT, event, params, {
    ...eventParam !== undefined && { eventParam },
  });
}
