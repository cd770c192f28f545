/**
 * The options of TLS, and explanations of its errors.
 *
 * @module
 */

import { CERTIFICATE, PRIVATE_KEY } from "../protocol/pem.ts";
import { quote } from "../protocol/errors.ts";
import { messageOfRustls } from "./tls_openssl.ts";

/** The TLS options of a client. Certificates and keys are in PEM. */
export interface TlsOptions {
  /**
   * Additional certificates of authorities to trust. The runtime trusts some
   * already: Deno those of Mozilla, or of the operating system with
   * `DENO_TLS_CA_STORE=system`.
   *
   * @default {[]}
   */
  caCerts?: string[] | undefined;
  /**
   * The client's certificate, and the certificates that link it to its authority,
   * for servers that demand one. Needs `key`. Absent: no certificate.
   */
  cert?: string | undefined;
  /** The private key of `cert`. */
  key?: string | undefined;
  /**
   * The name that the server's certificate must have.
   *
   * @default {the socket's host}
   */
  serverName?: string | undefined;
}

/** The TLS options of a server. The certificate and the key are in PEM. */
export interface ListenerTlsOptions {
  /** The certificate, and the certificates that link it to its authority. */
  cert: string;
  /** The private key of `cert`. */
  key: string;
}

/** Throws a RangeError if an option is wrong. */
export function checkTls(tls: TlsOptions): void {
  const { caCerts = [], cert, key, serverName } = tls;
  // Deno ignores a text in which it finds no certificate.
  for (const [i, ca] of caCerts.entries()) {
    checkPem(ca, `tls.caCerts[${i}]`, CERTIFICATE, "a certificate");
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new RangeError(
      `Cannot use tls.${cert === undefined ? "key" : "cert"} without tls.${
        cert === undefined ? "cert" : "key"
      }: expected both, or neither`,
    );
  }
  if (cert !== undefined) checkCertified({ cert, key: key! });
  if (
    serverName !== undefined &&
    (typeof serverName !== "string" || serverName === "")
  ) {
    throw new RangeError(
      "Cannot use tls.serverName: expected a name, such as as.example.com",
    );
  }
}

/** Throws a RangeError if `cert` is not a certificate, or `key` not a key. */
export function checkCertified({ cert, key }: ListenerTlsOptions): void {
  checkPem(cert, "tls.cert", CERTIFICATE, "a certificate");
  checkPem(key, "tls.key", PRIVATE_KEY, "a private key without a password");
}

function checkPem(
  text: unknown,
  name: string,
  line: RegExp,
  expected: string,
): void {
  if (typeof text === "string" && line.test(text)) return;
  throw new RangeError(`Cannot use ${name}: expected ${expected}, in PEM`);
}

/**
 * Explains why a connection could not be opened, and what would help. Returns
 * `undefined` if the error has nothing to do with TLS. It recognizes the messages
 * of rustls, which Deno uses, and the error codes of Node.
 */
export function explainTls(
  error: unknown,
  host: string,
  tls: TlsOptions,
): string | undefined {
  const { name, message } = nameAndMessage(error);
  const wanted = quote(tls.serverName ?? host);
  const certificate = /^invalid peer certificate: (.*)$/s.exec(message)?.[1];
  if (certificate !== undefined) {
    return explainCertificate(certificate, wanted);
  }
  const alert = alertIn(message);
  if (alert !== undefined) {
    return explainRefusal(error, tls) ?? explainAlert(alert, wanted, tls);
  }
  if (NOT_TLS.test(message)) {
    return 'the server does not speak TLS; a socket without TLS begins with "jsonrpc:"';
  }
  if (/^peer is incompatible/.test(message)) return OTHER_VERSION;
  if (/^peer closed connection (without sending|after) TLS/.test(message)) {
    return `the server closed the connection after the TLS handshake; ${
      tls.cert === undefined
        ? "it may demand a client certificate"
        : "it may not accept the client certificate in tls.cert"
    }`;
  }
  if (["UnexpectedEof", "ConnectionReset", "BrokenPipe"].includes(name)) {
    return "the server closed the connection in the TLS handshake; does it speak TLS?";
  }
  if (/^Invalid hostname/.test(message)) {
    return `no certificate can be for ${wanted}; tls.serverName can give a name in ASCII`;
  }
  return explainOwn(message);
}

/**
 * Explains why the server refused the client's certificate, or the lack of one.
 * Returns `undefined` for another error. With TLS 1.3 the refusal may come when the
 * connection is already open for the client. The server has not processed bytes
 * that were written before it.
 */
export function explainRefusal(
  error: unknown,
  tls: TlsOptions,
): string | undefined {
  const alert = alertIn(nameAndMessage(error).message);
  if (alert === undefined || !isAboutCertificate(alert)) return undefined;
  return tls.cert === undefined
    ? "the server demands a client certificate; tls.cert and tls.key can give one"
    : `the server does not accept the client certificate in tls.cert (${alert})`;
}

/** Explains, for the server, why TLS with a peer failed, or returns `undefined`. */
export function explainPeer(error: unknown): string | undefined {
  const { message } = nameAndMessage(error);
  const alert = alertIn(message);
  if (alert !== undefined) {
    return isAboutCertificate(alert)
      ? `it does not accept the server's certificate (${alert})`
      : `it ended TLS (${alert})`;
  }
  if (NOT_TLS.test(message)) return "it does not speak TLS";
  return /^peer (is incompatible|misbehaved)/.test(message)
    ? message
    : undefined;
}

const NOT_TLS = /^received (corrupt|unexpected) .*message/;
const OTHER_VERSION =
  "the server speaks no TLS that can be used here, expected version 1.2 or 1.3";

function nameAndMessage(error: unknown): { name: string; message: string } {
  if (!(error instanceof Error)) return { name: "", message: "" };
  const isReset = (error as { code?: unknown }).code === "ECONNRESET";
  return {
    name: isReset ? "ConnectionReset" : error.name, // the name in Deno
    message: messageOfRustls(error) ?? error.message,
  };
}

/** Returns the TLS alert that the peer sent, such as `HandshakeFailure`. */
function alertIn(message: string): string | undefined {
  return /^received fatal alert: (\w+)/.exec(message)?.[1];
}

function isAboutCertificate(alert: string): boolean {
  return /Certificate|^UnknownCA$|^AccessDenied$/.test(alert);
}

function explainCertificate(problem: string, wanted: string): string {
  const names = [...problem.matchAll(/DnsName\("(.*?)"\)|IpAddress\((.*?)\)/g)]
    .map(([, name, address]) => quote(name ?? address ?? ""));
  if (/not valid for( any)? name|NotValidForName/.test(problem)) {
    return names.length === 0
      ? `the server's certificate is not for ${wanted}, nor for any other name; its names must stand in its subjectAltName`
      : `the server's certificate is not for ${wanted} but for ${
        listOf(names)
      }; tls.serverName can name it`;
  }
  if (/UnknownIssuer/.test(problem)) {
    return "the server's certificate comes from an authority that is not known here; tls.caCerts can hold the authority's certificate";
  }
  if (/expired/i.test(problem)) {
    return `the server's certificate expired${
      timeIn(problem)
    }; the server needs a new one`;
  }
  if (/not valid yet|NotValidYet/.test(problem)) {
    return `the server's certificate is not valid yet${
      timeIn(problem)
    }; is the clock right?`;
  }
  if (/CaUsedAsEndEntity/.test(problem)) {
    return "the server's certificate is that of an authority (CA:TRUE); it needs one with CA:FALSE";
  }
  return `the server's certificate is not valid: ${problem}`;
}

/** Lists three names at most: a certificate may have thousands. */
function listOf(names: string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} others` : shown;
}

/** Finds a time such as "3600 seconds ago", and converts it to larger units. */
function timeIn(text: string): string {
  const [, digits, suffix] =
    /\(([0-9]+) seconds (ago|in future)\)/.exec(text) ??
      [];
  if (digits === undefined) return "";
  const seconds = Number(digits);
  const [unit, count] = seconds < 7200
    ? ["second", seconds]
    : seconds < 172_800
    ? ["hour", Math.floor(seconds / 3600)]
    : ["day", Math.floor(seconds / 86_400)];
  const span = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return suffix === "ago" ? ` ${span} ago` : ` for another ${span}`;
}

function explainAlert(alert: string, wanted: string, tls: TlsOptions): string {
  if (alert === "UnrecognisedName") {
    return `the server does not know the name ${wanted}; tls.serverName can give another`;
  }
  if (alert === "ProtocolVersion") return OTHER_VERSION;
  return `the server ended the TLS handshake (${alert})` +
    (tls.cert === undefined ? "; it may demand a client certificate" : "");
}

/** Explains what is wrong with our own certificate, key or authorities. */
function explainOwn(message: string): string | undefined {
  if (/^No certificates found/.test(message)) {
    return "tls.cert holds no certificate in PEM";
  }
  if (/^No keys found/.test(message)) {
    return "tls.key holds no private key in PEM";
  }
  return /KeyMismatch/.test(message)
    ? "tls.key is not the key of tls.cert"
    : undefined;
}
