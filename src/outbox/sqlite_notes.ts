/**
 * What is kept beside the events: subscriptions, and what was handled.
 *
 * @module
 */

import type { SqliteConnection } from "./sqlite_connection.ts";
import { readSubscription, sumOf } from "./sqlite_rows.ts";
import type { KeptSubscription } from "./store.ts";
import type { NotedText, Notes } from "./table.ts";

/** After how many texts those are removed that are out of date. */
const TEXTS_BETWEEN = 1000;

/** See {@linkcode Notes}. */
export class SqliteNotes implements Notes {
  readonly #connection: SqliteConnection;
  #textsSince = 0;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  subscriptions(now: number): KeptSubscription[] {
    return this.#connection.all(
      "read subscriptions",
      "SELECT * FROM subscriptions WHERE expiresAt IS NULL OR expiresAt > ? ORDER BY rowid",
      now,
    ).flatMap(readSubscription);
  }

  subscribe(subscription: KeptSubscription): void {
    const { event, socket, expiresAt = null } = subscription;
    this.#connection.write("keep a subscription", () => {
      this.#connection.sql("DELETE FROM subscriptions WHERE expiresAt <= ?")
        .run(Date.now());
      this.#connection.sql(
        "INSERT INTO subscriptions(event, socket, expiresAt, sum) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET expiresAt = excluded.expiresAt, sum = excluded.sum",
      ).run(event, socket, expiresAt, sumOf(subscription));
    });
  }

  unsubscribe(event: string, socket: string): void {
    this.#connection.write("remove a subscription", () => {
      this.#connection.sql(
        "DELETE FROM subscriptions WHERE event = ? AND socket = ?",
      )
        .run(event, socket);
    });
  }

  recall(name: string, now: number): string | undefined {
    const [row] = this.#connection.all(
      "recall an event",
      "SELECT text FROM seen WHERE name = ? AND until > ?",
      name,
      now,
    );
    return row === undefined ? undefined : String(row["text"]);
  }

  remember(
    texts: readonly NotedText[],
    now: number,
  ): void {
    this.#connection.write("remember events", () => {
      const insert = this.#connection.sql(
        "INSERT OR REPLACE INTO seen VALUES (?, ?, ?)",
      );
      for (const { name, text, until } of texts) insert.run(name, text, until);
      this.#textsSince += texts.length;
      if (this.#textsSince < TEXTS_BETWEEN) return;
      this.#textsSince = 0;
      this.#connection.sql("DELETE FROM seen WHERE until <= ?").run(now);
    });
  }
}
