/**
 * The targets of a JetStream outbox, and their streams.
 *
 * @module
 */

import {
  type Api,
  nanos,
  type StreamConfig,
  type StreamInfo,
} from "./jetstream_api.ts";
import { type Names, type StreamKind, tokenOf } from "./jetstream_names.ts";
import { Sender } from "./jetstream_sender.ts";

/** A target, and what is known of it. */
export interface Target {
  /** The socket, plain or virtual. */
  readonly name: string;
  readonly token: string;
  readonly sender: Sender;
}

/** What the stream of a target keeps. */
export interface Kept {
  kind: StreamKind;
  target: Target;
  info: StreamInfo;
}

/** The bounds of each target, and what all streams have in common. */
export interface TargetOptions {
  maxEvents: number;
  maxBytes: number;
  rememberKeysMs: number;
  common: Partial<StreamConfig>;
}

/** See the module. */
export class Targets {
  readonly #api: Api;
  readonly #names: Names;
  readonly #options: TargetOptions;
  readonly #byName = new Map<string, Promise<Target>>();
  readonly #all = new Set<Target>();
  /** The streams that are there; by name. */
  readonly #streams = new Map<string, Promise<void>>();

  constructor(api: Api, names: Names, options: TargetOptions) {
    this.#api = api;
    this.#names = names;
    this.#options = options;
  }

  /** The targets that were used here. */
  get all(): Iterable<Target> {
    return this.#all;
  }

  /** The target of this name. */
  get(name: string): Promise<Target> {
    let target = this.#byName.get(name);
    if (target === undefined) {
      this.#byName.set(name, target = this.#make(name));
    }
    return target;
  }

  /** What the streams keep: of all targets, or of one. */
  async kept(name?: string): Promise<Kept[]> {
    const all = await Promise.all(
      (["kept", "aside"] as const).map(async (kind) => {
        const infos = name === undefined
          ? await this.#api.list<StreamInfo>(
            "LIST",
            this.#names.subject(kind, ">"),
          )
          : await this.#infoOf(kind, name);
        return await Promise.all(infos.map(async (info) => {
          const target = await this.get(info.config.description ?? "");
          return { kind, target, info };
        }));
      }),
    );
    return all.flat();
  }

  /** The names of all targets that have a stream, save those that are known. */
  async names(known: (stream: string) => boolean): Promise<string[]> {
    const streams = await this.#api.list<string>(
      "NAMES",
      this.#names.subject("kept", ">"),
    );
    const infos = await Promise.all(
      streams.filter((stream) => !known(stream))
        .map((stream) => this.#api.info(stream)),
    );
    return infos.flatMap((info) => info?.config.description ?? []);
  }

  /** Sees to it that a target has a stream of this kind. */
  setUp(
    kind: StreamKind,
    { name, token }: Omit<Target, "sender">,
  ): Promise<void> {
    const stream = this.#names.stream(kind, token);
    let isThere = this.#streams.get(stream);
    if (isThere === undefined) {
      isThere = this.#api.setUp({
        ...this.#options.common,
        ...kind === "kept" ? this.#bounds : {},
        name: stream,
        subjects: [this.#names.subject(kind, token)],
        description: name,
      });
      this.#streams.set(stream, isThere);
      isThere.catch(() => this.#streams.delete(stream));
    }
    return isThere;
  }

  get #bounds(): Partial<StreamConfig> {
    const { maxEvents, maxBytes, rememberKeysMs } = this.#options;
    return {
      retention: "workqueue",
      max_msgs: maxEvents === Infinity ? -1 : maxEvents,
      max_bytes: maxBytes === Infinity ? -1 : maxBytes,
      duplicate_window: nanos(rememberKeysMs),
    };
  }

  async #make(name: string): Promise<Target> {
    const token = await tokenOf(name);
    const stream = this.#names.stream("kept", token);
    let isNew = true;
    const sender = new Sender(
      this.#api,
      this.#names.subject("kept", token),
      async () => {
        if (!isNew) this.#streams.delete(stream); // it was not there
        await this.setUp("kept", { name, token });
        if (isNew) this.#api.tell(this.#names.news("target"), { name });
        isNew = false;
      },
    );
    const target = { name, token, sender };
    this.#all.add(target);
    return target;
  }

  async #infoOf(kind: StreamKind, name: string): Promise<StreamInfo[]> {
    const { token } = await this.get(name);
    const info = await this.#api.info(this.#names.stream(kind, token));
    return info === undefined ? [] : [info];
  }
}
