/**
 * Translates errors of OpenSSL, the TLS of Node and Bun, into messages of rustls,
 * the TLS of Deno.
 *
 * @module
 */

/** Node's error codes for a wrong server certificate, with the word of rustls. */
const PROBLEMS: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: "UnknownIssuer",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "UnknownIssuer",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "UnknownIssuer",
  SELF_SIGNED_CERT_IN_CHAIN: "UnknownIssuer",
  DEPTH_ZERO_SELF_SIGNED_CERT: "UnknownIssuer",
  CERT_HAS_EXPIRED: "Expired",
  CERT_NOT_YET_VALID: "NotValidYet",
};

/** Names of TLS alerts that differ in rustls. */
const ALERTS: Readonly<Record<string, string>> = {
  UnknownCa: "UnknownCA",
  UnrecognizedName: "UnrecognisedName",
};

/** The used part of an error of Node. */
interface NodeError {
  readonly code?: unknown;
  /** The server's certificate, with the code ERR_TLS_CERT_ALTNAME_INVALID. */
  readonly cert?: { readonly subjectaltname?: unknown };
}

/**
 * Returns the message of rustls for an error of `node:tls`, or `undefined` if there
 * is none.
 */
export function messageOfRustls(error: Error): string | undefined {
  const { code, cert } = error as NodeError;
  if (typeof code !== "string") return undefined;
  const problem = code === "ERR_TLS_CERT_ALTNAME_INVALID"
    ? `not valid for name: ${namesOf(cert?.subjectaltname)}`
    : PROBLEMS[code];
  if (problem !== undefined) return `invalid peer certificate: ${problem}`;
  const [, alert] = /^ERR_SSL_[A-Z0-9/]+_ALERT_([A-Z_]+)$/.exec(code) ?? [];
  if (alert !== undefined) {
    const name = alert.toLowerCase()
      .replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());
    return `received fatal alert: ${ALERTS[name] ?? name}`;
  }
  return /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/
      .test(code)
    ? "received corrupt message"
    : undefined;
}

/** Converts `DNS:as.example.com, IP Address:10.0.0.1` to the syntax of rustls. */
function namesOf(subjectAltName: unknown): string {
  return String(subjectAltName ?? "")
    .replace(/DNS:([^,]*)/g, 'DnsName("$1")')
    .replace(/IP Address:([^,]*)/g, "IpAddress($1)");
}
