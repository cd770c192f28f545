/**
 * X.509 certificates, made as the tests run: ECDSA with P-256, in PEM. What
 * DER they need is written by hand; RFC 5280 names the parts.
 */

/** A certificate and its private key, in PEM. */
export interface Certified {
  cert: string;
  key: string;
}

/** What a certificate is to say. */
export interface Wanted {
  /** The host names and the IPv4 or IPv6 addresses that it is for. */
  names?: string[];
  /** Since when it holds; an hour ago by default. */
  notBefore?: Date;
  /** Until when it holds; an hour from now by default. */
  notAfter?: Date;
}

/** An authority that certifies others. */
export interface Authority {
  /** Its own certificate, which others may trust. */
  cert: string;
  /** Makes a certificate for servers and clients. */
  certify(wanted?: Wanted): Promise<Certified>;
}

const HOUR = 3_600_000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const OID = {
  commonName: [0x55, 4, 3],
  subjectAltName: [0x55, 0x1d, 17],
  basicConstraints: [0x55, 0x1d, 19],
  extKeyUsage: [0x55, 0x1d, 37],
  serverAuth: [0x2b, 6, 1, 5, 5, 7, 3, 1],
  clientAuth: [0x2b, 6, 1, 5, 5, 7, 3, 2],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
};

type Bytes = readonly number[];

/** A value of DER: its tag, its length, and what it holds. */
function der(tag: number, ...contents: Bytes[]): Bytes {
  const content = contents.flat();
  const { length } = content;
  if (length < 0x80) return [tag, length, ...content];
  if (length < 0x100) return [tag, 0x81, length, ...content];
  return [tag, 0x82, length >> 8, length & 0xff, ...content];
}

const sequence = (...parts: Bytes[]) => der(0x30, ...parts);
const oid = (bytes: Bytes) => der(6, bytes);
const octets = (bytes: Bytes) => der(4, bytes);
const bits = (bytes: Bytes) => der(3, [0], bytes);
const text = (text: string) => [...new TextEncoder().encode(text)];
const algorithm = sequence(oid(OID.ecdsaWithSha256));

/** An unsigned integer: the first bit must be 0, and no byte is to spare. */
function integer(bytes: Bytes): Bytes {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.slice(start);
  return der(2, digits[0] >= 0x80 ? [0, ...digits] : digits);
}

function nameOf(commonName: string): Bytes {
  const value = der(0x0c, text(commonName));
  return sequence(der(0x31, sequence(oid(OID.commonName), value)));
}

/** As `20250131120000Z`. */
function time(date: Date): Bytes {
  const digits = date.toISOString().slice(0, 19).replace(/\D/g, "");
  return der(0x18, text(`${digits}Z`));
}

/** A critical one is not to be passed over by who does not know it. */
function extension(id: Bytes, value: Bytes, isCritical = false): Bytes {
  return sequence(oid(id), isCritical ? der(1, [0xff]) : [], octets(value));
}

/** A name or an address, as subjectAltName has it. */
function generalName(name: string): Bytes {
  if (name.includes(":")) return der(0x87, ipv6(name));
  return /^[0-9.]+$/.test(name)
    ? der(0x87, name.split(".").map(Number))
    : der(0x82, text(name));
}

function ipv6(address: string): Bytes {
  const [head, tail = []] = address.split("::")
    .map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = Array(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail].map((group) => parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff]);
}

function pem(label: string, bytes: Bytes): string {
  const lines = btoa(String.fromCharCode(...bytes)).match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${
    lines.join("\n")
  }\n-----END ${label}-----\n`;
}

/** Signs; WebCrypto gives two numbers side by side, and DER wants a sequence. */
async function sign(key: CryptoKey, bytes: Bytes): Promise<Bytes> {
  const data = new Uint8Array(bytes);
  const signature = [
    ...new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, data)),
  ];
  return sequence(
    integer(signature.slice(0, 32)),
    integer(signature.slice(32)),
  );
}

const newKeys = () =>
  crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

/** Makes an authority, of which the certificate is signed by itself. */
export async function newAuthority(name: string): Promise<Authority> {
  const keys = await newKeys();

  async function certificate(
    subject: string,
    key: CryptoKey,
    { notBefore, notAfter }: Wanted,
    extensions: Bytes[],
  ): Promise<string> {
    const now = Date.now();
    const body = sequence(
      der(0xa0, integer([2])), // version 3
      integer([1, ...crypto.getRandomValues(new Uint8Array(8))]),
      algorithm,
      nameOf(name),
      sequence(
        time(notBefore ?? new Date(now - HOUR)),
        time(notAfter ?? new Date(now + HOUR)),
      ),
      nameOf(subject),
      [...new Uint8Array(await crypto.subtle.exportKey("spki", key))],
      der(0xa3, sequence(...extensions)),
    );
    const signature = await sign(keys.privateKey, body);
    return pem("CERTIFICATE", sequence(body, algorithm, bits(signature)));
  }

  const isAuthority = sequence(der(1, [0xff]));
  return {
    cert: await certificate(name, keys.publicKey, {}, [
      extension(OID.basicConstraints, isAuthority, true),
    ]),
    async certify(wanted = {}) {
      const { names = [] } = wanted;
      const { publicKey, privateKey } = await newKeys();
      const cert = await certificate(names[0] ?? "nobody", publicKey, wanted, [
        extension(OID.basicConstraints, sequence(), true),
        extension(
          OID.extKeyUsage,
          sequence(oid(OID.serverAuth), oid(OID.clientAuth)),
        ),
        ...names.length === 0 ? [] : [
          extension(OID.subjectAltName, sequence(...names.map(generalName))),
        ],
      ]);
      const key = new Uint8Array(
        await crypto.subtle.exportKey("pkcs8", privateKey),
      );
      return { cert, key: pem("PRIVATE KEY", [...key]) };
    },
  };
}
