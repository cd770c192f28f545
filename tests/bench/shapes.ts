// The events that are sent. They have several shapes, since what is fast for one
// may be slow for another, and no two events in a row are equal. The values are
// taken from lists, so that making an event costs little beside sending it.
//
// Two rules for the server's sake: no text contains `}{`, and a number that the
// server is to send back stands last.

import type { EventParams } from "../../mod.ts";

/** A kind of event. */
export interface Shape {
  event: string;
  /** Makes the params of the event with this number. */
  params(i: number): EventParams;
  /** Whether the params end with the event's number, which the server echoes. */
  hasNumber: boolean;
}

/** The lists are so long; a power of two, so that an index is quickly had. */
const LENGTH = 4096;

function list(make: (i: number) => string): (i: number) => string {
  // Joined from pieces, a text is only made whole when it is first used.
  const texts: string[] = JSON.parse(
    JSON.stringify(Array.from({ length: LENGTH }, (_, i) => make(i))),
  );
  return (i) => texts[i & (LENGTH - 1)];
}

const ADDRESS = list((i) => `192.168.${i >> 8}.${i & 255}`);
const USER = list((i) => `user${1000 + i * 7}`);
const AOR = list((i) => `user${1000 + i * 7}@sip.example.com`);
const CONTACT = list((i) =>
  `sip:user${1000 + i * 7}@10.1.${i >> 8}.${i & 255}:5060;transport=udp`
);
const RECEIVED = list((i) => `sip:203.0.113.${i & 255}:${10_000 + i}`);
const CALL_ID = list((i) => `${(i * 2_654_435_761 % 2 ** 32).toString(16)}@ua`);
const TAG = list((i) => (i * 40_503 % 65_536 + 65_536).toString(16));
const NAMES = [
  "Zoë Müller",
  "Łukasz Żak",
  "Иван Петров",
  "田中 さくら",
  "Ñandú 🐦",
];
const DISPLAY = list((i) => `${NAMES[i % NAMES.length]} ${i}`);
const AGENTS = ["Grandstream GXP2170 1.0.11.70", "Zoiper rv2.10.20", "Yealink"];

/** By name, all shapes. */
export const SHAPES = {
  /** One short text: as a rule the server answers all of them alike. */
  one: {
    event: "E_PIKE_BLOCKED",
    params: (i) => ({ ip: ADDRESS(i) }),
    hasNumber: false,
  },
  /** One number, which the server echoes. */
  number: {
    event: "E_CORE_THRESHOLD",
    params: (i) => ({ n: i }),
    hasNumber: true,
  },
  /** 15 params, as E_UL_CONTACT_INSERT has them. */
  contact: {
    event: "E_UL_CONTACT_INSERT",
    params: (i) => ({
      domain: "location",
      aor: AOR(i),
      address: CONTACT(i),
      received: RECEIVED(i),
      path: "",
      user_agent: AGENTS[i % 3],
      socket: "udp:198.51.100.7:5060",
      qval: 0.5,
      expires: 3600 + (i & 63),
      callid: CALL_ID(i),
      methods: 8063,
      flags: 0,
      bflags: "NAT_FLAG SIPPING_FLAG",
      attr: null,
      cseq: i,
    }),
    hasNumber: true,
  },
  /** Texts of several alphabets. */
  utf8: {
    event: "E_MESSAGE",
    params: (i) => ({
      from: DISPLAY(i),
      to: DISPLAY(i * 3 + 1),
      subject: "Größe – 价格 ¿qué?",
      n: i,
    }),
    hasNumber: true,
  },
  /** Objects and arrays in each other. */
  nested: {
    event: "E_DLG_STATE_CHANGED",
    params: (i) => ({
      dialog: { id: { entry: i & 4095, hash: TAG(i) }, callid: CALL_ID(i) },
      legs: [
        { tag: TAG(i + 1), user: USER(i), codecs: ["opus", "PCMA"] },
        { tag: TAG(i + 2), user: USER(i + 3), codecs: ["PCMU", "G722"] },
      ],
      state: { old: 3, now: { code: 4, isEarly: false, n: i } },
    }),
    hasNumber: true,
  },
  /** Values without names. */
  unnamed: {
    event: "E_RTPPROXY_STATUS",
    params: (i) => ["udp:10.0.0.5:22222", ADDRESS(i), "active", true, i],
    hasNumber: true,
  },
} satisfies Record<string, Shape>;

export type ShapeName = keyof typeof SHAPES;

/** What the server sends back for the request with this number. */
export function resultOf({ hasNumber }: Shape, i: number): number | true {
  return hasNumber ? i : true;
}
