/**
 * The management commands, by the names of OpenSIPS 3.0 and of 4.0: what each
 * does to an Event Interface, and what it responds.
 *
 * @module
 */

import {
  ParamsError,
  quote,
  ServerError,
  SocketSyntaxError,
} from "../protocol/errors.ts";
import type { EventInterface } from "../events/event_interface.ts";
import type { Subscriber } from "../events/subscriptions.ts";
import type { EventSocket } from "../protocol/socket.ts";
import { parseTarget } from "../protocol/virtual_socket.ts";
import { JsonText } from "../protocol/json.ts";
import { DEFAULT_EXPIRE } from "./expire.ts";
import type { EventKeeper } from "./keeper.ts";
import {
  type Forms,
  matchParams,
  type ParamTexts,
  secondsOf,
  textOf,
} from "./manage_params.ts";

/** Runs a command, and gives what it responds. */
export type RunCommand = (
  method: string,
  params: string,
  isAllowed: IsAllowed,
) => unknown;

/** Whether events may go to a socket. */
export type IsAllowed = (socket: EventSocket) => Promise<boolean>;

/** A command with the params that it takes. */
interface Command {
  forms: Forms;
  run: (params: ParamTexts, isAllowed: IsAllowed) => unknown;
}

const OK = "OK";

/**
 * Makes the function that runs the commands which manage `events`, whose events
 * and subscriptions go by way of `keeper`.
 */
export function commandsOf(
  events: EventInterface,
  keeper: EventKeeper,
): RunCommand {
  const commands = tableOf(events, keeper);
  return (method, params, isAllowed) => {
    const command = commands.get(method);
    if (command === undefined) {
      throw new ServerError(-32601, "Method not found");
    }
    return command.run(matchParams(params, command.forms), isAllowed);
  };
}

function tableOf(
  events: EventInterface,
  keeper: EventKeeper,
): ReadonlyMap<string, Command> {
  const subscribe: Command = {
    forms: [["event", "socket"], ["event", "socket", "expire"]],
    run: (params, isAllowed) =>
      eventSubscribe(events, keeper, params, isAllowed),
  };
  const list: Command = {
    forms: [[]],
    run: () => ({
      Events: events.events().map(({ name, id }) => ({ name, id })),
    }),
  };
  const subscribers: Command = {
    forms: [[], ["event"], ["event", "socket"]],
    run: (params) => subscribersList(events, params),
  };
  const raise: Command = {
    forms: [["event"], ["event", "params"]],
    run: (params) => raiseEvent(events, keeper, params),
  };
  const which: Command = {
    forms: [[], ["command"]],
    run: (params) => {
      if (!params.has("command")) return [...table.keys()];
      const command = table.get(textOf(params, "command"));
      if (command === undefined) {
        throw new ServerError(404, "unknown MI command");
      }
      return command.forms;
    },
  };
  const table = new Map([
    ["event_subscribe", subscribe],
    ["events_list", list],
    ["subscribers_list", subscribers],
    ["raise_event", raise],
    ["which", which],
    ["evi:subscribe", subscribe],
    ["evi:list", list],
    ["evi:subscribers", subscribers],
    ["evi:raise", raise],
    ["core:which", which],
  ]);
  return table;
}

async function eventSubscribe(
  events: EventInterface,
  keeper: EventKeeper,
  params: ParamTexts,
  isAllowed: IsAllowed,
): Promise<string> {
  const expire = params.has("expire")
    ? secondsOf(params, "expire")
    : DEFAULT_EXPIRE;
  const event = textOf(params, "event");
  const socket = textOf(params, "socket");
  checkPublished(events, event);
  const sockets = socketsOf(socket);
  if (expire === 0) {
    await keeper.unsubscribe(event, socket);
    return OK;
  }
  for (const socket of sockets) {
    if (!await isAllowed(socket)) throw new ServerError(403, "Forbidden");
  }
  checkPublished(events, event); // it may have been taken back meanwhile
  await keeper.subscribe(event, socket, { expire });
  return OK;
}

function checkPublished(events: EventInterface, event: string): void {
  if (!events.isPublished(event)) {
    throw badValue(`the event ${quote(event)} is not published`);
  }
}

/** The plain sockets that a socket stands for. */
function socketsOf(text: string): readonly EventSocket[] {
  try {
    return parseTarget(text).sockets;
  } catch (error) {
    if (!(error instanceof SocketSyntaxError)) throw error;
    throw badValue(error.message);
  }
}

/** Params that have the right type, and a value that cannot be. */
function badValue(data: string): ServerError {
  return new ServerError(400, "Bad parameter value", data);
}

function subscribersList(events: EventInterface, params: ParamTexts): unknown {
  const show = showAt(Date.now());
  if (!params.has("event")) {
    const lists = events.events().map(({ name, id }) => ({
      name,
      id,
      Subscribers: events.subscribers(name).map(show),
    }));
    return { Events: lists.filter((list) => list.Subscribers.length > 0) };
  }
  const event = textOf(params, "event");
  const found = events.events().find(({ name }) => name === event);
  if (found === undefined) throw new ServerError(404, "Event not published");
  const { name, id } = found;
  if (!params.has("socket")) {
    const subscribers = events.subscribers(name);
    return {
      Event: subscribers.length === 0
        ? {}
        : { name, id, Subscribers: subscribers.map(show) },
    };
  }
  const subscriber = subscriberOf(events, name, textOf(params, "socket"));
  if (subscriber === undefined) {
    throw new ServerError(404, "Subscriber does not exist");
  }
  return { Event: { name, id, Subscriber: show(subscriber) } };
}

function subscriberOf(
  events: EventInterface,
  event: string,
  socket: string,
): Subscriber | undefined {
  try {
    return events.subscriber(event, socket);
  } catch (error) {
    if (error instanceof SocketSyntaxError) return undefined;
    throw error;
  }
}

/** Shows a subscriber as OpenSIPS 4.0 does; `now` is in ms since the epoch. */
function showAt(now: number): (subscriber: Subscriber) => unknown {
  return ({ socket, expire, expiresAt }) => {
    if (expire === undefined) return { socket, expire: "never" };
    const seconds = Math.ceil(expire); // of one that was kept a part is over
    const ttl = expiresAt === undefined
      ? seconds
      : Math.ceil((expiresAt - now) / 1000);
    return { socket, expire: seconds, ttl: ttl > 0 ? ttl : "expired" };
  };
}

async function raiseEvent(
  events: EventInterface,
  keeper: EventKeeper,
  params: ParamTexts,
): Promise<string> {
  const event = textOf(params, "event");
  if (!events.isPublished(event)) {
    throw new ServerError(404, "Event not registered");
  }
  if (events.subscribers(event).length === 0) {
    throw new ServerError(480, "Temporarily Unavailable");
  }
  try {
    await keeper.raise(event, eventParamsOf(params.get("params")));
  } catch (error) {
    if (error instanceof ParamsError) throw badParams(error.message);
    throw error;
  }
  return OK;
}

/**
 * The params of an event, as they came: an object or an array, or a text that
 * holds one of them, as OpenSIPS has it.
 */
function eventParamsOf(text = "{}"): JsonText {
  const value = JSON.parse(text);
  let params = text;
  if (typeof value === "string") {
    if (!isJson(value)) throw badParams("the text is not JSON");
    params = value;
  }
  if (!/^\s*[{[]/.test(params)) {
    throw badParams(
      "expected an object, an array, or a text that holds one of them as JSON",
    );
  }
  return new JsonText(params);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function badParams(data: string): ServerError {
  return new ServerError(400, "Bad Params", data);
}
