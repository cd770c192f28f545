/**
 * What the text of a certificate or of a key must hold (RFC 7468).
 *
 * @module
 */

/** The first line of a certificate. */
export const CERTIFICATE: RegExp = /-----BEGIN CERTIFICATE-----/;
/** The first line of a private key without a password. */
export const PRIVATE_KEY: RegExp =
  /-----BEGIN (?!ENCRYPTED)[A-Z ]*PRIVATE KEY-----/;
