/**
 * What belongs to OpenSIPS itself: its management interface, answered for the
 * Event Interface of this module.
 *
 * @module
 */

export {
  manage,
  type ManagementOptions,
  manageOverHttp,
  type ManageOverHttpOptions,
} from "./manage.ts";
