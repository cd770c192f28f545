/**
 * Mends what a server forgets that was killed: it may have noted that an event is
 * acknowledged and not that it is removed, or the other way round.
 *
 * @module
 */

import type { Api } from "./jetstream_api.ts";
import { CONSUMER, replyOf } from "./jetstream_names.ts";

/** How many are looked for at once that may be out and not there. */
const MAX_FREED = 1000;

/** Mends the stream of a target, and its consumer. */
export class Repair {
  readonly #api: Api;
  readonly #stream: string;

  constructor(api: Api, stream: string) {
    this.#api = api;
    this.#stream = stream;
  }

  /**
   * Removes what is acknowledged and still there, once all has been delivered
   * and none is out: only then it is sure, since the floor up to which the server
   * counts all as acknowledged may be wrong. Resolves to how many are left.
   */
  async tidy(): Promise<number> {
    const info = await this.#api.info(this.#stream);
    if (info === undefined || info.state.messages === 0) return 0;
    const { delivered, num_pending, num_ack_pending } = await this.#api
      .consumer(this.#stream, CONSUMER);
    if (num_pending > 0 || num_ack_pending > 0) return info.state.messages;
    const end = delivered.stream_seq + 1;
    if (info.state.first_seq < end) {
      await this.#api.ask(`STREAM.PURGE.${this.#stream}`, { seq: end });
    }
    return (await this.#api.info(this.#stream))?.state.messages ?? 0;
  }

  /**
   * Acknowledges what is out and not there: else the server waits for that
   * forever, and gives nothing else.
   */
  async free(): Promise<void> {
    const { delivered, ack_floor, num_ack_pending } = await this.#api
      .consumer(this.#stream, CONSUMER);
    if (num_ack_pending === 0) return;
    const first = ack_floor.stream_seq + 1;
    const last = Math.min(delivered.stream_seq, first + MAX_FREED);
    for (let seq = first; seq <= last; seq++) {
      if (await this.#api.get(this.#stream, { seq }) !== undefined) continue;
      const { consumer_seq } = delivered;
      await this.#api.request(replyOf(this.#stream, seq, consumer_seq), "+ACK");
    }
  }
}
