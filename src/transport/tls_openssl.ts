/**
 * What OpenSSL, by which Node and Bun speak TLS, means in the words of rustls, by
 * which Deno does.
 *
 * @module
 */

/** The codes of Node's errors about a server's certificate. */
const PROBLEMS: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: "UnknownIssuer",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "UnknownIssuer",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "UnknownIssuer",
  SELF_SIGNED_CERT_IN_CHAIN: "UnknownIssuer",
  DEPTH_ZERO_SELF_SIGNED_CERT: "UnknownIssuer",
  CERT_HAS_EXPIRED: "Expired",
  CERT_NOT_YET_VALID: "NotValidYet",
};

/** The names of alerts that rustls writes another way. */
const ALERTS: Readonly<Record<string, string>> = {
  UnknownCa: "UnknownCA",
  UnrecognizedName: "UnrecognisedName",
};

/** An error of Node, as far as it is used here. */
interface NodeError {
  readonly code?: unknown;
  /** Of ERR_TLS_CERT_ALTNAME_INVALID: the server's certificate. */
  readonly cert?: { readonly subjectaltname?: unknown };
}

/**
 * Returns the message of rustls that means the same as an error of Node's
 * `node:tls`, or `undefined` if there is none.
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

/** `DNS:as.example.com, IP Address:10.0.0.1`, as rustls lists names. */
function namesOf(subjectAltName: unknown): string {
  return String(subjectAltName ?? "")
    .replace(/DNS:([^,]*)/g, 'DnsName("$1")')
    .replace(/IP Address:([^,]*)/g, "IpAddress($1)");
}
