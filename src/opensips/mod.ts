/**
 * What belongs to OpenSIPS itself: its management interface, answered for the
 * Event Interface of this module ({@linkcode manageOverHttp}) and asked of a
 * running OpenSIPS ({@linkcode MiClient}); subscriptions there that last
 * ({@linkcode receiveFrom}); and the events that it has
 * ({@linkcode OpenSipsEvents}).
 *
 * @module
 */

export {
  type Asker,
  manage,
  type ManagementOptions,
  type ManageOptions,
} from "./manage.ts";
export type { EventKeeper, RaiseEvent } from "./keeper.ts";
export {
  manageOverHttp,
  type ManageOverHttpInfo,
  type ManageOverHttpOptions,
} from "./manage_http.ts";
export {
  type MiCallOptions,
  MiClient,
  type MiClientOptions,
  MiError,
  type MiSubscribeOptions,
  type MiSubscriber,
} from "./mi_client.ts";
export {
  type MissedTime,
  OpenSipsSubscription,
  type OpenSipsSubscriptionEventMap,
  subscribeAt,
  type SubscribeAtOptions,
  SubscribeError,
} from "./subscribe_at.ts";
export type { Dialect } from "./address.ts";
export {
  type OpenSipsEventHandlers,
  type OpenSipsReceiver,
  type ReceivedOpenSipsEvent,
  receiveFrom,
  type ReceiveFromOptions,
} from "./receive_from.ts";
export type {
  ClustererMessageParams,
  ContactParams,
  FraudParams,
  OpenSipsEvents,
  OpenSipsValue,
  OpenSipsVersion,
  PresenceParams,
  ProfilingParams,
  RegistrantParams,
  SiprecParams,
} from "./catalogue.ts";
export {
  findEvents,
  hintsFor,
  type OpenSipsEventInfo,
  type OpenSipsEventParam,
} from "./find_events.ts";
