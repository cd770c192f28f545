/** The options of TLS. */

import type { EventSocket, TlsOptions } from "../../mod.ts";
import { CERTIFICATE, PRIVATE_KEY } from "../protocol/pem.ts";
import { UsageError } from "./arguments.ts";
import { readProblem } from "./input.ts";

/**
 * Reads `--ca`, `--cert`, `--key` and `--server-name` for clients. `sockets` are
 * those that events can go to, absent if they come later.
 *
 * @throws {UsageError} if they do not fit together, or no socket is over TLS.
 */
export function toTls(
  text: (name: string) => string | undefined,
  sockets?: readonly EventSocket[],
): TlsOptions | undefined {
  if (sockets?.every(({ protocol }) => protocol !== "jsonrpcs")) {
    for (const name of ["ca", "cert", "key", "server-name"]) {
      if (text(name) === undefined) continue;
      throw new UsageError(
        `--${name} is given, but no socket is over TLS, expected one that begins with "jsonrpcs:"`,
      );
    }
    return;
  }
  const ca = text("ca");
  const serverName = text("server-name");
  const certified = toCertified(text);
  if (certified && serverName !== undefined) {
    throw new UsageError(
      "--cert and --server-name are both given, which Deno cannot use together; the socket's host can be the name",
    );
  }
  if (ca === undefined && serverName === undefined && !certified) return;
  return {
    ...ca !== undefined && { caCerts: [readPem("ca", ca, CERTIFICATE)] },
    ...certified,
    ...serverName !== undefined && { serverName },
  };
}

/** The certificate and the key of `--cert` and `--key`, which go together. */
export function toCertified(
  text: (name: string) => string | undefined,
): { cert: string; key: string } | undefined {
  const cert = text("cert"), key = text("key");
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError("--cert and --key go together, expected both or none");
  }
  return {
    cert: readPem("cert", cert, CERTIFICATE),
    key: readPem("key", key, PRIVATE_KEY),
  };
}

function readPem(
  option: string,
  path: string,
  line: RegExp,
): string {
  let pem: string;
  try {
    pem = Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError(
      `cannot read --${option}: ${readProblem(error as Error, path)}`,
    );
  }
  if (!line.test(pem)) {
    throw new UsageError(
      `--${option} is ${JSON.stringify(path)}, expected the file of a ${
        line === CERTIFICATE ? "certificate" : "private key without a password"
      }, in PEM`,
    );
  }
  return pem;
}
