/**
 * For how long a subscription is asked for, in seconds.
 *
 * @module
 */

/** How long it is if nobody says (OpenSIPS). */
export const DEFAULT_EXPIRE = 3600;

/** OpenSIPS keeps it in 32 bits. */
export const MAX_EXPIRE = 0x7fffffff;
