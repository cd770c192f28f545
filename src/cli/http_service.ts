/** Pages, metrics and management by HTTP. */

import type { Address } from "../../mod.ts";
import { checkGuard, drawToken, type FetchHandler } from "../monitor/mod.ts";
import { isLoopback } from "../protocol/socket.ts";
import { listenProblem, parseAddress } from "./address.ts";
import { UsageError } from "./arguments.ts";
import { within } from "./interrupt.ts";

/** Nobody can listen at an address; the message says why. */
export class ListenError extends Error {
  override name = "ListenError";
}

/** How long requests under way may take at the end. */
const SHUTDOWN_MS = 500;

/**
 * Reads an option that is an address to listen at.
 *
 * @throws {UsageError} if it is none.
 */
export function toHttpAddress(option: string, text: string): Address {
  try {
    return parseAddress([text], 0);
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}

/**
 * The token that guards what is served at a host: the one given or, where other
 * machines reach it, one that is drawn.
 *
 * @throws {UsageError} if it is too short.
 */
export function toToken(
  hostname: string,
  given: string | undefined,
): string | undefined {
  try {
    checkGuard({ token: given });
  } catch (error) {
    throw new UsageError(`--token: ${(error as Error).message}`);
  }
  return given ?? (isLoopback(hostname) ? undefined : drawToken());
}

/** A running service. */
export interface HttpService {
  readonly addr: Address;
  /** Takes no more requests, and waits for those under way, but not for long. */
  end(): Promise<void>;
}

/**
 * Serves HTTP. What sends without an end has to be stopped before `end`.
 *
 * @throws {ListenError} if it cannot listen there.
 */
export function serveHttp(
  address: Address,
  handler: FetchHandler,
): HttpService {
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ ...address, onListen() {} }, handler);
  } catch (error) {
    throw new ListenError(listenProblem(error as Error, address));
  }
  return {
    addr: server.addr,
    end: () => within(SHUTDOWN_MS, server.shutdown()),
  };
}
