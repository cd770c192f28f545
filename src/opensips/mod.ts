/**
 * What belongs to OpenSIPS itself: its management interface, answered for the
 * Event Interface of this module.
 *
 * @module
 */

export {
  type Asker,
  manage,
  type ManagementOptions,
  type ManageOptions,
} from "./manage.ts";
export {
  manageOverHttp,
  type ManageOverHttpInfo,
  type ManageOverHttpOptions,
} from "./manage_http.ts";
