// Random steps for the client's core, beside a model of what it promises.

import { assert, assertEquals } from "@std/assert";
import type { Conversation } from "../../src/client/conversation.ts";
import { DELIVERED, type Delivery } from "../../src/client/delivery.ts";
import { Destination } from "../../src/client/destination.ts";
import { settingsOf } from "../../src/client/options.ts";
import {
  ConnectionClosedError,
  DeliveryError,
} from "../../src/protocol/errors.ts";
import { headOf } from "../../src/protocol/message.ts";
import { parseSocket } from "../../src/protocol/socket.ts";
import { randomFrom } from "../helpers/random.ts";

const SOCKET = parseSocket("jsonrpc:h:1");
const HEAD = headOf(SOCKET, "E_X", undefined);

/** What the model knows of an event. */
interface Sent {
  readonly n: number;
  readonly delivery: Delivery;
  /** How often its message was written, whole. */
  written: number;
  /** Whether a byte of it may have left. */
  hasLeft: boolean;
  /** Whether its response was given to the core. */
  isAnswered: boolean;
}

/** A connection as its server sees it. */
interface Peer {
  readonly conversation: Conversation;
  /** The write under way. */
  writing: { bytes: number; events: Sent[] } | undefined;
  /** Requests whose responses have not been sent, by their ids. */
  readonly open: Map<number, Sent>;
  /** Bytes of responses that have not arrived. */
  unread: Uint8Array;
}

/** Takes random steps, and throws where a promise is broken. */
export function modelDestination(seed: number, steps: number): void {
  const random = randomFrom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const syncMode = random() < 0.7;
  const maxInFlight = random() < 0.5 ? 1 + below(5) : 16_384;
  const core = new Destination(
    SOCKET,
    settingsOf({
      syncMode,
      maxInFlight,
      maxQueueBytes: random() < 0.3 ? 2000 : undefined,
      maxRequestsPerConnection: random() < 0.2 ? 1 + below(4) : undefined,
      maxIdleMs: random() < 0.2 ? 300 : undefined,
    }),
    random() < 0.2 ? 0x7fffffff - below(20) : below(0x7fffffff),
  );
  let now = 1000;
  const all: Sent[] = [];
  const byNumber = new Map<number, Sent>();
  const peers: Peer[] = [];
  const encoder = new TextEncoder();
  const say = (what: string) => `seed ${seed}: ${what}`;

  const STEPS: [weight: number, step: () => void][] = [
    [8, send],
    [3, endTurn],
    [2, open],
    [6, beginWrite],
    [6, endWrite],
    [6, answer],
    [8, arrive],
    [1, lose],
    [1, failWrite],
    [0.5, failConnect],
    [3, pass],
    [1, abort],
  ];
  const total = STEPS.reduce((sum, [weight]) => sum + weight, 0);

  function send(): void {
    for (let n = 1 + below(4); n > 0; n--) {
      const number = all.length;
      const text = `[${number},"${"x".repeat(below(40))}"]`;
      const timeoutMs = [50, 1000, 1000, 1000][below(4)];
      const delivery = core.send(HEAD, text, timeoutMs, undefined, false);
      const sent = {
        n: number,
        delivery,
        written: 0,
        hasLeft: false,
        isAnswered: false,
      };
      all.push(sent);
      byNumber.set(number, sent);
    }
  }

  function endTurn(): void {
    core.turnEnded(now);
  }

  function open(): void {
    if (core.wantedAttempt === 0) return;
    const conversation = core.opened(now);
    peers.push({
      conversation,
      writing: undefined,
      open: new Map(),
      unread: new Uint8Array(0),
    });
  }

  const peer = (): Peer | undefined => peers[below(peers.length)];

  function beginWrite(): void {
    const own = peers.find((p) =>
      p.writing === undefined && p.conversation.state === "open"
    );
    if (own === undefined) return;
    const next = core.nextWrite(own.conversation);
    if (next === undefined) return;
    const text = typeof next === "string"
      ? next
      : new TextDecoder().decode(next);
    const messages = text.matchAll(
      /\{"id":(null|\d+),.*?"params":\[(\d+),"x*"\]\}/g,
    );
    const events: Sent[] = [];
    let length = 0;
    for (const [whole, id, n] of messages) {
      const sent = byNumber.get(Number(n))!;
      length += whole.length;
      sent.hasLeft = true;
      events.push(sent);
      if (id !== "null") {
        assert(!own.open.has(Number(id)), say("an id is used twice"));
        own.open.set(Number(id), sent);
      }
    }
    assertEquals(length, text.length, say("only whole messages go out"));
    own.writing = { bytes: encoder.encode(text).length, events };
  }

  function endWrite(): void {
    const own = peer();
    if (own?.writing === undefined) return;
    const { bytes, events } = own.writing;
    own.writing = undefined;
    for (const sent of events) sent.written++;
    core.written(own.conversation, bytes, now);
  }

  function answer(): void {
    const own = peer();
    if (own === undefined) return;
    for (const [id, sent] of own.open) {
      if (own.writing?.events.includes(sent)) continue;
      if (random() < 0.4) continue;
      own.open.delete(id);
      sent.isAnswered = true;
      const text = random() < 0.1
        ? `{"id":${id},"error":{"code":${sent.n},"message":"é"}}`
        : `{"id":${random() < 0.1 ? `"${id}"` : id},"result":${sent.n}}`;
      const bytes = encoder.encode(text);
      const joined = new Uint8Array(own.unread.length + bytes.length);
      joined.set(own.unread);
      joined.set(bytes, own.unread.length);
      own.unread = joined;
    }
  }

  function arrive(): void {
    const own = peer();
    if (own === undefined || own.unread.length === 0) return;
    const end = 1 + below(own.unread.length);
    own.conversation.received(own.unread.slice(0, end), now);
    own.unread = own.unread.slice(end);
    while (core.takeResponses(own.conversation, now));
  }

  function drop(own: Peer): void {
    peers.splice(peers.indexOf(own), 1);
  }

  function lose(): void {
    const own = peer();
    if (own === undefined) return;
    core.lost(own.conversation, new ConnectionClosedError("gone"), now);
    drop(own);
  }

  function failWrite(): void {
    const own = peer();
    if (own?.writing === undefined) return;
    own.writing = undefined;
    core.writeFailed(own.conversation, new ConnectionClosedError("EPIPE"), now);
  }

  function failConnect(): void {
    if (core.wantedAttempt > 0) {
      core.connectFailed("refused", new Error("refused"), now);
    }
  }

  function pass(): void {
    now += [1, 10, 60, 400][below(4)];
    if (core.nextDeadline <= now) core.expire(now);
  }

  function abort(): void {
    const sent = all[below(all.length)];
    if (sent?.delivery.count === 1) core.abort([sent.delivery], "aborted", now);
  }

  function check(): void {
    for (const own of [...peers]) {
      if (own.conversation.state === "closed") drop(own);
    }
    const { inFlight, queued, queuedBytes } = core.stats;
    assert(
      inFlight >= 0 && inFlight <= maxInFlight,
      say(`${inFlight} in flight`),
    );
    assert(queued >= 0 && queuedBytes >= 0, say("counters"));
    const taking = peers.filter((p) => p.conversation.state === "open");
    assert(taking.length <= 1, say("one connection takes messages"));
  }

  for (let n = 0; n < steps; n++) {
    let at = random() * total;
    STEPS.find(([weight]) => (at -= weight) < 0)![1]();
    check();
  }
  // In the end all is settled, once: by time if by nothing else.
  endTurn();
  core.drain();
  for (let n = 0; n < 100; n++) {
    now += 1000;
    core.expire(now);
    while (core.wantedAttempt > 0) failConnect();
  }
  assert(core.isIdle, say("all is settled"));
  core.close(now);
  now += 2000;
  core.expire(now);
  checkEnd();

  function checkEnd(): void {
    const { raised, failed, queued, queuedBytes, inFlight, confirmed } =
      core.stats;
    assertEquals([queued, queuedBytes, inFlight], [0, 0, 0], say("the end"));
    assertEquals(raised, all.length);
    const settled = new Set(all.map(({ delivery }) => delivery));
    let delivered = 0;
    for (const delivery of settled) {
      assert(delivery.isSettled);
      if (delivery.state === DELIVERED) delivered += delivery.count;
    }
    const sumFailed = Object.values(failed).reduce((a, b) => a + b, 0);
    assertEquals(delivered + sumFailed, raised, say("each settles once"));
    if (syncMode) assertEquals(confirmed, delivered);
    for (const { n, delivery, written, hasLeft, isAnswered } of all) {
      assert(written <= 1, say(`event ${n} went out twice`));
      if (delivery.state === DELIVERED) {
        assertEquals(written, 1, say(`event ${n}`));
        if (syncMode) {
          assert(isAnswered, say(`event ${n} was confirmed by nobody`));
          assertEquals(delivery.result, n, say("whose result it is"));
        }
      } else {
        const error = delivery.errorFor(HEAD);
        if (error instanceof DeliveryError && !error.mayHaveArrived) {
          assert(!hasLeft, say(`event ${n} had left: ${error.message}`));
        }
      }
    }
  }
}
