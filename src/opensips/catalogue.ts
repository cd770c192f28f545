/**
 * The events that OpenSIPS 3.0 and 4.0 have, with their params: as types, and as
 * data. They were read from the code of both, and many seen on the wire.
 *
 * @module
 */

/**
 * A value as OpenSIPS sends it: it knows texts, integers, and nothing. What is a
 * number in one event may be a text in another.
 */
export type OpenSipsValue = string | number | null;

/** The versions of OpenSIPS whose events are known here. */
export type OpenSipsVersion = "3.0" | "4.0";

/** The params of events while OpenSIPS is profiled. */
export type ProfilingParams = {
  sec: OpenSipsValue;
  usec: OpenSipsValue;
  session: OpenSipsValue;
  verb: OpenSipsValue;
  name: OpenSipsValue;
  type: OpenSipsValue;
  depth: OpenSipsValue;
  file?: OpenSipsValue;
  line?: OpenSipsValue;
  status?: OpenSipsValue;
};

/** The params of messages between nodes (`clusterer`). */
export type ClustererMessageParams = {
  cluster_id: OpenSipsValue;
  src_id: OpenSipsValue;
  msg: OpenSipsValue;
  tag: OpenSipsValue;
};

/** The params of events of `fraud_detection`. */
export type FraudParams = {
  param: OpenSipsValue;
  value: OpenSipsValue;
  threshold: OpenSipsValue;
  user: OpenSipsValue;
  called_number: OpenSipsValue;
  rule_id: OpenSipsValue;
  /** 4.0 only. */
  profile_id?: OpenSipsValue;
};

/** The params of `E_PRESENCE_PUBLISH` and `E_PRESENCE_EXPOSED`. */
export type PresenceParams = {
  user: OpenSipsValue;
  domain: OpenSipsValue;
  event: OpenSipsValue;
  expires: OpenSipsValue;
  /** 4.0 only. */
  old_etag?: OpenSipsValue;
  etag: OpenSipsValue;
  body: OpenSipsValue;
};

/** The params of events of `siprec`. */
export type SiprecParams = {
  dlg_id: OpenSipsValue;
  callid: OpenSipsValue;
  dlg_callid: OpenSipsValue;
  session_id: OpenSipsValue;
  server: OpenSipsValue;
  instance: OpenSipsValue;
};

/** The params of events of `uac_registrant`. */
export type RegistrantParams = {
  aor: OpenSipsValue;
  contact: OpenSipsValue;
  registrar: OpenSipsValue;
};

/** The params of events of a contact (`usrloc`). */
export type ContactParams = {
  /** 4.0 only. */
  domain?: OpenSipsValue;
  aor: OpenSipsValue;
  uri: OpenSipsValue;
  received?: OpenSipsValue;
  path?: OpenSipsValue;
  qval: OpenSipsValue;
  /** 4.0 only. */
  user_agent?: OpenSipsValue;
  socket: OpenSipsValue;
  bflags: OpenSipsValue;
  expires: OpenSipsValue;
  callid: OpenSipsValue;
  cseq: OpenSipsValue;
  attr: OpenSipsValue;
  latency: OpenSipsValue;
  shtag: OpenSipsValue;
};

/**
 * All events of OpenSIPS 3.0 and 4.0, and the params of each. A param is optional
 * if one of the versions does not send it. Own events are added by an
 * intersection.
 *
 * `rabbitmq_consumer` raises events whose names are configured; they have a
 * `body`.
 *
 * @example
 * ```ts
 * import type { OpenSipsEvents } from "./mod.ts";
 *
 * type Events = OpenSipsEvents & { E_CALL: { from: string } };
 *
 * const blocked: Events["E_PIKE_BLOCKED"] = { ip: "192.168.2.11" };
 * const call: Events["E_CALL"] = { from: "alice" };
 * ```
 */
export interface OpenSipsEvents {
  /**
   * The status of something that OpenSIPS reports on has changed. Module
   * `core`, 4.0.
   */
  E_CORE_SR_STATUS_CHANGED: {
    group: OpenSipsValue;
    identifier: OpenSipsValue;
    status: OpenSipsValue;
    details: OpenSipsValue;
    old_status: OpenSipsValue;
  };
  /** Something took longer than its limit allows. Module `core`, 3.0 and 4.0. */
  E_CORE_THRESHOLD: {
    source: OpenSipsValue;
    time: OpenSipsValue;
    extra: OpenSipsValue;
  };
  /** The use of shared memory passed the limit. Module `core`, 3.0 and 4.0. */
  E_CORE_SHM_THRESHOLD: {
    usage: OpenSipsValue;
    threshold: OpenSipsValue;
    used: OpenSipsValue;
    size: OpenSipsValue;
  };
  /**
   * The use of private memory of a process passed the limit. Module `core`,
   * 3.0 and 4.0.
   */
  E_CORE_PKG_THRESHOLD: {
    usage: OpenSipsValue;
    threshold: OpenSipsValue;
    used: OpenSipsValue;
    size: OpenSipsValue;
    pid: OpenSipsValue;
  };
  /**
   * Processes were added to a group, or taken from it. Module `core`, 3.0 and
   * 4.0.
   */
  E_CORE_PROC_AUTO_SCALE: {
    group_type: OpenSipsValue;
    group_filter: OpenSipsValue;
    group_load: OpenSipsValue;
    scale: OpenSipsValue;
    process_id: OpenSipsValue;
    pid: OpenSipsValue;
  };
  /** A TCP connection has ended. Module `core`, 4.0. */
  E_CORE_TCP_DISCONNECT: {
    src_ip: OpenSipsValue;
    src_port: OpenSipsValue;
    dst_ip: OpenSipsValue;
    dst_port: OpenSipsValue;
    proto: OpenSipsValue;
  };
  /** A line was written to the log. Module `core`, 4.0. */
  E_CORE_LOG: {
    time: OpenSipsValue;
    pid: OpenSipsValue;
    level: OpenSipsValue;
    module: OpenSipsValue;
    function: OpenSipsValue;
    prefix: OpenSipsValue;
    message: OpenSipsValue;
  };
  /**
   * A step of the script, while it is profiled. Module `core`, 4.0. `file`,
   * `line` and `status` are there only where they apply.
   */
  E_PROFILING_SCRIPT: ProfilingParams;
  /** A step of a process, while it is profiled. Module `core`, 4.0. */
  E_PROFILING_PROC: ProfilingParams;
  /** A Diameter request has come. Module `aaa_diameter`, 4.0. */
  E_DM_REQUEST: {
    sess_id: OpenSipsValue;
    app_id: OpenSipsValue;
    cmd_code: OpenSipsValue;
    avps_json: OpenSipsValue;
    _fdmsg_: OpenSipsValue;
  };
  /**
   * A transaction is accounted for. Module `acc`, 3.0 and 4.0. After these,
   * the extra and leg values come, named by the configuration.
   */
  E_ACC_EVENT: {
    method: OpenSipsValue;
    from_tag: OpenSipsValue;
    to_tag: OpenSipsValue;
    callid: OpenSipsValue;
    sip_code: OpenSipsValue;
    sip_reason: OpenSipsValue;
    time: OpenSipsValue;
    [name: string]: OpenSipsValue | undefined;
  };
  /**
   * A call has ended, and is accounted for. Module `acc`, 3.0 and 4.0. The
   * extra and leg values, named by the configuration, come between `time` and
   * `duration`.
   */
  E_ACC_CDR: {
    method: OpenSipsValue;
    from_tag: OpenSipsValue;
    to_tag: OpenSipsValue;
    callid: OpenSipsValue;
    sip_code: OpenSipsValue;
    sip_reason: OpenSipsValue;
    time: OpenSipsValue;
    duration: OpenSipsValue;
    ms_duration: OpenSipsValue;
    setuptime: OpenSipsValue;
    created: OpenSipsValue;
    [name: string]: OpenSipsValue | undefined;
  };
  /**
   * A call was missed. Module `acc`, 3.0 and 4.0. The extra and leg values,
   * named by the configuration, come between `time` and `setuptime`.
   */
  E_ACC_MISSED_EVENT: {
    method: OpenSipsValue;
    from_tag: OpenSipsValue;
    to_tag: OpenSipsValue;
    callid: OpenSipsValue;
    sip_code: OpenSipsValue;
    sip_reason: OpenSipsValue;
    time: OpenSipsValue;
    setuptime: OpenSipsValue;
    created: OpenSipsValue;
    [name: string]: OpenSipsValue | undefined;
  };
  /**
   * Something happened in a session of the user agent. Module `b2b_entities`,
   * 4.0.
   */
  E_UA_SESSION: {
    key: OpenSipsValue;
    event_type: OpenSipsValue;
    entity_type: OpenSipsValue;
    status: OpenSipsValue;
    reason: OpenSipsValue;
    method: OpenSipsValue;
    body: OpenSipsValue;
    headers: OpenSipsValue;
    extra_params: OpenSipsValue;
  };
  /**
   * An agent of the call center changed. Module `call_center`, 4.0.
   * `wrapup_ends`, `flow_id` and `ongoing_sessions` are there only in states
   * that have them. `status` is called `state` in the documentation of
   * OpenSIPS.
   */
  E_CALLCENTER_AGENT_REPORT: {
    agent_id: OpenSipsValue;
    status: OpenSipsValue;
    wrapup_ends?: OpenSipsValue;
    flow_id?: OpenSipsValue;
    ongoing_sessions?: OpenSipsValue;
  };
  /** A call is transferred. Module `callops`, 4.0. */
  E_CALL_TRANSFER: {
    callid: OpenSipsValue;
    leg: OpenSipsValue;
    transfer_callid: OpenSipsValue;
    destination: OpenSipsValue;
    state: OpenSipsValue;
    status: OpenSipsValue;
  };
  /** A call is put on hold, or taken from it. Module `callops`, 4.0. */
  E_CALL_HOLD: {
    callid: OpenSipsValue;
    leg: OpenSipsValue;
    action: OpenSipsValue;
    state: OpenSipsValue;
  };
  /** A message of another node has come. Module `clusterer`, 3.0 and 4.0. */
  E_CLUSTERER_REQ_RECEIVED: ClustererMessageParams;
  /** A reply of another node has come. Module `clusterer`, 3.0 and 4.0. */
  E_CLUSTERER_RPL_RECEIVED: ClustererMessageParams;
  /** A node of the cluster has come or gone. Module `clusterer`, 3.0 and 4.0. */
  E_CLUSTERER_NODE_STATE_CHANGED: {
    cluster_id: OpenSipsValue;
    node_id: OpenSipsValue;
    new_state: OpenSipsValue;
  };
  /** A sharing tag became active, or a backup. Module `clusterer`, 4.0. */
  E_CLUSTERER_SHARING_TAG_CHANGED: {
    name: OpenSipsValue;
    cluster: OpenSipsValue;
    state: OpenSipsValue;
    reason: OpenSipsValue;
  };
  /**
   * A connection to MySQL was lost, or is back. Module `db_mysql`, 3.0 and
   * 4.0.
   */
  E_MYSQL_CONNECTION: {
    url: OpenSipsValue;
    status: OpenSipsValue;
  };
  /** A dialog went to another state. Module `dialog`, 3.0 and 4.0. */
  E_DLG_STATE_CHANGED: {
    /** 4.0 only. */
    id?: OpenSipsValue;
    /** 4.0 only. */
    db_id?: OpenSipsValue;
    callid: OpenSipsValue;
    from_tag: OpenSipsValue;
    to_tag: OpenSipsValue;
    old_state: OpenSipsValue;
    new_state: OpenSipsValue;
    /** 3.0 only. */
    hash_entry?: OpenSipsValue;
    /** 3.0 only. */
    hash_id?: OpenSipsValue;
  };
  /**
   * A destination was disabled, or enabled again. Module `dispatcher`, 3.0 and
   * 4.0. `reason` is not in the documentation of OpenSIPS.
   */
  E_DISPATCHER_STATUS: {
    partition: OpenSipsValue;
    group: OpenSipsValue;
    address: OpenSipsValue;
    status: OpenSipsValue;
    /** 4.0 only. */
    reason?: OpenSipsValue;
  };
  /**
   * A gateway was disabled, or enabled again. Module `drouting`, 3.0 and 4.0.
   * `reason` is not in the documentation of OpenSIPS.
   */
  E_DROUTING_STATUS: {
    partition: OpenSipsValue;
    gwid: OpenSipsValue;
    address: OpenSipsValue;
    status: OpenSipsValue;
    /** 4.0 only. */
    reason?: OpenSipsValue;
  };
  /** A file was closed, and another opened. Module `event_flatstore`, 4.0. */
  E_FLATSTORE_ROTATION: {
    timestamp: OpenSipsValue;
    reason: OpenSipsValue;
    filename: OpenSipsValue;
    old_filename: OpenSipsValue;
  };
  /**
   * A user passed the warning limit of a rule. Module `fraud_detection`, 3.0
   * and 4.0.
   */
  E_FRD_WARNING: FraudParams;
  /**
   * A user passed the critical limit of a rule. Module `fraud_detection`, 3.0
   * and 4.0.
   */
  E_FRD_CRITICAL: FraudParams;
  /**
   * An event of a FreeSWITCH has come. Module `freeswitch_scripting`, 3.0 and
   * 4.0.
   */
  E_FREESWITCH: {
    name: OpenSipsValue;
    sender: OpenSipsValue;
    body: OpenSipsValue;
  };
  /** An HTTP/2 request has come. Module `http2d`, 4.0. */
  E_HTTP2_REQUEST: {
    method: OpenSipsValue;
    path: OpenSipsValue;
    headers: OpenSipsValue;
    data: OpenSipsValue;
  };
  /** An event of a Janus has come. Module `janus`, 4.0. */
  E_JANUS_EVENT: {
    janus_id: OpenSipsValue;
    janus_url: OpenSipsValue;
    janus_body: OpenSipsValue;
  };
  /**
   * A destination was disabled, or enabled again. Module `load_balancer`, 3.0
   * and 4.0.
   */
  E_LOAD_BALANCER_STATUS: {
    group: OpenSipsValue;
    uri: OpenSipsValue;
    status: OpenSipsValue;
  };
  /**
   * A session of the gateway could not be set up. Module `msrp_gateway`, 4.0.
   */
  E_MSRP_GW_SETUP_FAILED: {
    key: OpenSipsValue;
    from_uri: OpenSipsValue;
    to_uri: OpenSipsValue;
    ruri: OpenSipsValue;
    code: OpenSipsValue;
    reason: OpenSipsValue;
  };
  /** A session of MSRP has begun. Module `msrp_ua`, 4.0. */
  E_MSRP_SESSION_NEW: {
    from_uri: OpenSipsValue;
    to_uri: OpenSipsValue;
    ruri: OpenSipsValue;
    session_id: OpenSipsValue;
    content_types: OpenSipsValue;
  };
  /** A session of MSRP has ended. Module `msrp_ua`, 4.0. */
  E_MSRP_SESSION_END: {
    session_id: OpenSipsValue;
  };
  /** A message of MSRP has come. Module `msrp_ua`, 4.0. */
  E_MSRP_MSG_RECEIVED: {
    session_id: OpenSipsValue;
    content_type: OpenSipsValue;
    body: OpenSipsValue;
  };
  /** A report of MSRP has come. Module `msrp_ua`, 4.0. */
  E_MSRP_REPORT_RECEIVED: {
    session_id: OpenSipsValue;
    message_id: OpenSipsValue;
    status: OpenSipsValue;
    byte_range: OpenSipsValue;
  };
  /** An address sends too much, and is blocked. Module `pike`, 3.0 and 4.0. */
  E_PIKE_BLOCKED: {
    ip: OpenSipsValue;
  };
  /** A PUBLISH has come. Module `presence`, 3.0 and 4.0. */
  E_PRESENCE_PUBLISH: PresenceParams;
  /**
   * A presentity, as asked for by `pres_expose`. Module `presence`, 3.0 and
   * 4.0.
   */
  E_PRESENCE_EXPOSED: PresenceParams;
  /**
   * A destination has fallen below the wanted quality. Module `qrouting`, 4.0.
   */
  E_QROUTING_BAD_DST: {
    partition: OpenSipsValue;
    rule_id: OpenSipsValue;
    dst_name: OpenSipsValue;
  };
  /**
   * An rtpengine notifies of something. Module `rtpengine`, 4.0. The params
   * are whatever members the JSON of rtpengine has.
   */
  E_RTPENGINE_NOTIFICATION: {
    type?: OpenSipsValue;
    callid?: OpenSipsValue;
    source_tag?: OpenSipsValue;
    timestamp?: OpenSipsValue;
    source_ip?: OpenSipsValue;
    event?: OpenSipsValue;
    duration?: OpenSipsValue;
    volume?: OpenSipsValue;
    [name: string]: OpenSipsValue | undefined;
  };
  /** An rtpengine was disabled, or enabled again. Module `rtpengine`, 4.0. */
  E_RTPENGINE_STATUS: {
    socket: OpenSipsValue;
    status: OpenSipsValue;
    set: OpenSipsValue;
  };
  /**
   * An RTPProxy was disabled, or enabled again. Module `rtpproxy`, 3.0 and
   * 4.0.
   */
  E_RTPPROXY_STATUS: {
    socket: OpenSipsValue;
    status: OpenSipsValue;
  };
  /** An RTPProxy has found a DTMF digit. Module `rtpproxy`, 4.0. */
  E_RTPPROXY_DTMF: {
    digit: OpenSipsValue;
    duration: OpenSipsValue;
    volume: OpenSipsValue;
    id: OpenSipsValue;
    is_callid: OpenSipsValue;
    stream: OpenSipsValue;
  };
  /** A recording has begun. Module `siprec`, 4.0. */
  E_SIPREC_START: SiprecParams;
  /** A recording has ended. Module `siprec`, 4.0. */
  E_SIPREC_STOP: SiprecParams;
  /** A registration is sent. Module `uac_registrant`, 4.0. */
  E_REGISTRANT_REGISTERING: RegistrantParams;
  /** A registration is sent with credentials. Module `uac_registrant`, 4.0. */
  E_REGISTRANT_AUTHENTICATING: RegistrantParams;
  /** A registration was accepted. Module `uac_registrant`, 4.0. */
  E_REGISTRANT_REGISTERED: RegistrantParams;
  /** The registrar did not respond. Module `uac_registrant`, 4.0. */
  E_REGISTRANT_REGISTER_TIMEOUT: RegistrantParams;
  /** A registration failed in OpenSIPS. Module `uac_registrant`, 4.0. */
  E_REGISTRANT_INTERNAL_ERROR: RegistrantParams;
  /** The registrar refused the credentials. Module `uac_registrant`, 4.0. */
  E_REGISTRANT_WRONG_CREDENTIALS: RegistrantParams;
  /** The registrar responded with an error. Module `uac_registrant`, 4.0. */
  E_REGISTRANT_REGISTRAR_ERROR: RegistrantParams;
  /** The end of a registration is sent. Module `uac_registrant`, 4.0. */
  E_REGISTRANT_UNREGISTERING: RegistrantParams;
  /**
   * The end of a registration is sent with credentials. Module
   * `uac_registrant`, 4.0.
   */
  E_REGISTRANT_AUTHENTICATING_UNREGISTER: RegistrantParams;
  /**
   * An address of record has its first contact. Module `usrloc`, 3.0 and 4.0.
   */
  E_UL_AOR_INSERT: {
    /** 4.0 only. */
    domain?: OpenSipsValue;
    aor: OpenSipsValue;
  };
  /**
   * An address of record has lost its last contact. Module `usrloc`, 3.0 and
   * 4.0.
   */
  E_UL_AOR_DELETE: {
    /** 4.0 only. */
    domain?: OpenSipsValue;
    aor: OpenSipsValue;
  };
  /**
   * A contact was registered. Module `usrloc`, 3.0 and 4.0. When the contact
   * has no `received` or `path`, they are absent in 3.0 and null in 4.0.
   * `qval` can be 18446744073709551615, which a double cannot hold: its text
   * matters.
   */
  E_UL_CONTACT_INSERT: ContactParams;
  /**
   * A contact has gone. Module `usrloc`, 3.0 and 4.0. When the contact has no
   * `received` or `path`, they are absent in 3.0 and null in 4.0. `qval` can
   * be 18446744073709551615, which a double cannot hold: its text matters.
   */
  E_UL_CONTACT_DELETE: ContactParams;
  /**
   * A contact was registered again. Module `usrloc`, 3.0 and 4.0. When the
   * contact has no `received` or `path`, they are absent in 3.0 and null in
   * 4.0. `qval` can be 18446744073709551615, which a double cannot hold: its
   * text matters.
   */
  E_UL_CONTACT_UPDATE: ContactParams;
  /**
   * The time that a contact takes to respond was measured. Module `usrloc`,
   * 3.0 and 4.0. When the contact has no `received` or `path`, they are absent
   * in 3.0 and null in 4.0. `qval` can be 18446744073709551615, which a double
   * cannot hold: its text matters.
   */
  E_UL_LATENCY_UPDATE: ContactParams;
  /** A contact is asked to register again. Module `usrloc`, 4.0. */
  E_UL_CONTACT_REFRESH: {
    domain: OpenSipsValue;
    aor: OpenSipsValue;
    uri: OpenSipsValue;
    received: OpenSipsValue;
    user_agent: OpenSipsValue;
    socket: OpenSipsValue;
    bflags: OpenSipsValue;
    expires: OpenSipsValue;
    callid: OpenSipsValue;
    attr: OpenSipsValue;
    shtag: OpenSipsValue;
    reason: OpenSipsValue;
    req_callid: OpenSipsValue;
  };
}

/** An event in the catalogue: its module, and its params by version. */
export interface CatalogueEntry<Name extends string = string> {
  /** The module that raises it. */
  readonly module: string;
  /** Its params in their order; a version is absent if it has no such event. */
  readonly params: { readonly [V in OpenSipsVersion]?: readonly Name[] };
  /** What else is to be known. */
  readonly note?: string;
}

/** The params of an event that is the same in both versions. */
function both<Name extends string>(
  ...params: Name[]
): CatalogueEntry<Name>["params"] {
  return { "3.0": params, "4.0": params };
}

/** The params of an event that came after 3.0. */
function only40<Name extends string>(
  ...params: Name[]
): CatalogueEntry<Name>["params"] {
  return { "4.0": params };
}

const PROFILING: CatalogueEntry<keyof ProfilingParams>["params"] = only40(
  "sec",
  "usec",
  "session",
  "verb",
  "name",
  "type",
  "depth",
  "file",
  "line",
  "status",
);
const CLUSTERER: CatalogueEntry<keyof ClustererMessageParams>["params"] = both(
  "cluster_id",
  "src_id",
  "msg",
  "tag",
);
const FRAUD: CatalogueEntry<keyof FraudParams>["params"] = {
  "3.0": ["param", "value", "threshold", "user", "called_number", "rule_id"],
  "4.0": [
    "param",
    "value",
    "threshold",
    "user",
    "called_number",
    "rule_id",
    "profile_id",
  ],
};
const PRESENCE: CatalogueEntry<keyof PresenceParams>["params"] = {
  "3.0": ["user", "domain", "event", "expires", "etag", "body"],
  "4.0": ["user", "domain", "event", "expires", "old_etag", "etag", "body"],
};
const SIPREC: CatalogueEntry<keyof SiprecParams>["params"] = only40(
  "dlg_id",
  "callid",
  "dlg_callid",
  "session_id",
  "server",
  "instance",
);
const REGISTRANT: CatalogueEntry<keyof RegistrantParams>["params"] = only40(
  "aor",
  "contact",
  "registrar",
);
const CONTACT: CatalogueEntry<keyof ContactParams>["params"] = {
  "3.0": [
    "aor",
    "uri",
    "received",
    "path",
    "qval",
    "socket",
    "bflags",
    "expires",
    "callid",
    "cseq",
    "attr",
    "latency",
    "shtag",
  ],
  "4.0": [
    "domain",
    "aor",
    "uri",
    "received",
    "path",
    "qval",
    "user_agent",
    "socket",
    "bflags",
    "expires",
    "callid",
    "cseq",
    "attr",
    "latency",
    "shtag",
  ],
};

/** The catalogue as data. */
export const CATALOGUE: {
  readonly [E in keyof OpenSipsEvents]: CatalogueEntry<
    keyof OpenSipsEvents[E] & string
  >;
} = {
  E_CORE_SR_STATUS_CHANGED: {
    module: "core",
    params: only40("group", "identifier", "status", "details", "old_status"),
  },
  E_CORE_THRESHOLD: { module: "core", params: both("source", "time", "extra") },
  E_CORE_SHM_THRESHOLD: {
    module: "core",
    params: both("usage", "threshold", "used", "size"),
  },
  E_CORE_PKG_THRESHOLD: {
    module: "core",
    params: both("usage", "threshold", "used", "size", "pid"),
  },
  E_CORE_PROC_AUTO_SCALE: {
    module: "core",
    params: both(
      "group_type",
      "group_filter",
      "group_load",
      "scale",
      "process_id",
      "pid",
    ),
  },
  E_CORE_TCP_DISCONNECT: {
    module: "core",
    params: only40("src_ip", "src_port", "dst_ip", "dst_port", "proto"),
  },
  E_CORE_LOG: {
    module: "core",
    params: only40(
      "time",
      "pid",
      "level",
      "module",
      "function",
      "prefix",
      "message",
    ),
  },
  E_PROFILING_SCRIPT: {
    module: "core",
    params: PROFILING,
    note: "`file`, `line` and `status` are there only where they apply.",
  },
  E_PROFILING_PROC: { module: "core", params: PROFILING },
  E_DM_REQUEST: {
    module: "aaa_diameter",
    params: only40("sess_id", "app_id", "cmd_code", "avps_json", "_fdmsg_"),
  },
  E_ACC_EVENT: {
    module: "acc",
    params: both(
      "method",
      "from_tag",
      "to_tag",
      "callid",
      "sip_code",
      "sip_reason",
      "time",
    ),
    note:
      "After these, the extra and leg values come, named by the configuration.",
  },
  E_ACC_CDR: {
    module: "acc",
    params: both(
      "method",
      "from_tag",
      "to_tag",
      "callid",
      "sip_code",
      "sip_reason",
      "time",
      "duration",
      "ms_duration",
      "setuptime",
      "created",
    ),
    note:
      "The extra and leg values, named by the configuration, come between `time` and `duration`.",
  },
  E_ACC_MISSED_EVENT: {
    module: "acc",
    params: both(
      "method",
      "from_tag",
      "to_tag",
      "callid",
      "sip_code",
      "sip_reason",
      "time",
      "setuptime",
      "created",
    ),
    note:
      "The extra and leg values, named by the configuration, come between `time` and `setuptime`.",
  },
  E_UA_SESSION: {
    module: "b2b_entities",
    params: only40(
      "key",
      "event_type",
      "entity_type",
      "status",
      "reason",
      "method",
      "body",
      "headers",
      "extra_params",
    ),
  },
  E_CALLCENTER_AGENT_REPORT: {
    module: "call_center",
    params: only40(
      "agent_id",
      "status",
      "wrapup_ends",
      "flow_id",
      "ongoing_sessions",
    ),
    note:
      "`wrapup_ends`, `flow_id` and `ongoing_sessions` are there only in states that have them. `status` is called `state` in the documentation of OpenSIPS.",
  },
  E_CALL_TRANSFER: {
    module: "callops",
    params: only40(
      "callid",
      "leg",
      "transfer_callid",
      "destination",
      "state",
      "status",
    ),
  },
  E_CALL_HOLD: {
    module: "callops",
    params: only40("callid", "leg", "action", "state"),
  },
  E_CLUSTERER_REQ_RECEIVED: { module: "clusterer", params: CLUSTERER },
  E_CLUSTERER_RPL_RECEIVED: { module: "clusterer", params: CLUSTERER },
  E_CLUSTERER_NODE_STATE_CHANGED: {
    module: "clusterer",
    params: both("cluster_id", "node_id", "new_state"),
  },
  E_CLUSTERER_SHARING_TAG_CHANGED: {
    module: "clusterer",
    params: only40("name", "cluster", "state", "reason"),
  },
  E_MYSQL_CONNECTION: { module: "db_mysql", params: both("url", "status") },
  E_DLG_STATE_CHANGED: {
    module: "dialog",
    params: {
      "3.0": [
        "hash_entry",
        "hash_id",
        "callid",
        "from_tag",
        "to_tag",
        "old_state",
        "new_state",
      ],
      "4.0": [
        "id",
        "db_id",
        "callid",
        "from_tag",
        "to_tag",
        "old_state",
        "new_state",
      ],
    },
  },
  E_DISPATCHER_STATUS: {
    module: "dispatcher",
    params: {
      "3.0": ["partition", "group", "address", "status"],
      "4.0": ["partition", "group", "address", "status", "reason"],
    },
    note: "`reason` is not in the documentation of OpenSIPS.",
  },
  E_DROUTING_STATUS: {
    module: "drouting",
    params: {
      "3.0": ["partition", "gwid", "address", "status"],
      "4.0": ["partition", "gwid", "address", "status", "reason"],
    },
    note: "`reason` is not in the documentation of OpenSIPS.",
  },
  E_FLATSTORE_ROTATION: {
    module: "event_flatstore",
    params: only40("timestamp", "reason", "filename", "old_filename"),
  },
  E_FRD_WARNING: { module: "fraud_detection", params: FRAUD },
  E_FRD_CRITICAL: { module: "fraud_detection", params: FRAUD },
  E_FREESWITCH: {
    module: "freeswitch_scripting",
    params: both("name", "sender", "body"),
  },
  E_HTTP2_REQUEST: {
    module: "http2d",
    params: only40("method", "path", "headers", "data"),
  },
  E_JANUS_EVENT: {
    module: "janus",
    params: only40("janus_id", "janus_url", "janus_body"),
  },
  E_LOAD_BALANCER_STATUS: {
    module: "load_balancer",
    params: both("group", "uri", "status"),
  },
  E_MSRP_GW_SETUP_FAILED: {
    module: "msrp_gateway",
    params: only40("key", "from_uri", "to_uri", "ruri", "code", "reason"),
  },
  E_MSRP_SESSION_NEW: {
    module: "msrp_ua",
    params: only40("from_uri", "to_uri", "ruri", "session_id", "content_types"),
  },
  E_MSRP_SESSION_END: { module: "msrp_ua", params: only40("session_id") },
  E_MSRP_MSG_RECEIVED: {
    module: "msrp_ua",
    params: only40("session_id", "content_type", "body"),
  },
  E_MSRP_REPORT_RECEIVED: {
    module: "msrp_ua",
    params: only40("session_id", "message_id", "status", "byte_range"),
  },
  E_PIKE_BLOCKED: { module: "pike", params: both("ip") },
  E_PRESENCE_PUBLISH: { module: "presence", params: PRESENCE },
  E_PRESENCE_EXPOSED: { module: "presence", params: PRESENCE },
  E_QROUTING_BAD_DST: {
    module: "qrouting",
    params: only40("partition", "rule_id", "dst_name"),
  },
  E_RTPENGINE_NOTIFICATION: {
    module: "rtpengine",
    params: only40(
      "type",
      "callid",
      "source_tag",
      "timestamp",
      "source_ip",
      "event",
      "duration",
      "volume",
    ),
    note: "The params are whatever members the JSON of rtpengine has.",
  },
  E_RTPENGINE_STATUS: {
    module: "rtpengine",
    params: only40("socket", "status", "set"),
  },
  E_RTPPROXY_STATUS: { module: "rtpproxy", params: both("socket", "status") },
  E_RTPPROXY_DTMF: {
    module: "rtpproxy",
    params: only40("digit", "duration", "volume", "id", "is_callid", "stream"),
  },
  E_SIPREC_START: { module: "siprec", params: SIPREC },
  E_SIPREC_STOP: { module: "siprec", params: SIPREC },
  E_REGISTRANT_REGISTERING: { module: "uac_registrant", params: REGISTRANT },
  E_REGISTRANT_AUTHENTICATING: { module: "uac_registrant", params: REGISTRANT },
  E_REGISTRANT_REGISTERED: { module: "uac_registrant", params: REGISTRANT },
  E_REGISTRANT_REGISTER_TIMEOUT: {
    module: "uac_registrant",
    params: REGISTRANT,
  },
  E_REGISTRANT_INTERNAL_ERROR: { module: "uac_registrant", params: REGISTRANT },
  E_REGISTRANT_WRONG_CREDENTIALS: {
    module: "uac_registrant",
    params: REGISTRANT,
  },
  E_REGISTRANT_REGISTRAR_ERROR: {
    module: "uac_registrant",
    params: REGISTRANT,
  },
  E_REGISTRANT_UNREGISTERING: { module: "uac_registrant", params: REGISTRANT },
  E_REGISTRANT_AUTHENTICATING_UNREGISTER: {
    module: "uac_registrant",
    params: REGISTRANT,
  },
  E_UL_AOR_INSERT: {
    module: "usrloc",
    params: { "3.0": ["aor"], "4.0": ["domain", "aor"] },
  },
  E_UL_AOR_DELETE: {
    module: "usrloc",
    params: { "3.0": ["aor"], "4.0": ["domain", "aor"] },
  },
  E_UL_CONTACT_INSERT: {
    module: "usrloc",
    params: CONTACT,
    note:
      "When the contact has no `received` or `path`, they are absent in 3.0 and null in 4.0. `qval` can be 18446744073709551615, which a double cannot hold: its text matters.",
  },
  E_UL_CONTACT_DELETE: {
    module: "usrloc",
    params: CONTACT,
    note:
      "When the contact has no `received` or `path`, they are absent in 3.0 and null in 4.0. `qval` can be 18446744073709551615, which a double cannot hold: its text matters.",
  },
  E_UL_CONTACT_UPDATE: {
    module: "usrloc",
    params: CONTACT,
    note:
      "When the contact has no `received` or `path`, they are absent in 3.0 and null in 4.0. `qval` can be 18446744073709551615, which a double cannot hold: its text matters.",
  },
  E_UL_LATENCY_UPDATE: {
    module: "usrloc",
    params: CONTACT,
    note:
      "When the contact has no `received` or `path`, they are absent in 3.0 and null in 4.0. `qval` can be 18446744073709551615, which a double cannot hold: its text matters.",
  },
  E_UL_CONTACT_REFRESH: {
    module: "usrloc",
    params: only40(
      "domain",
      "aor",
      "uri",
      "received",
      "user_agent",
      "socket",
      "bflags",
      "expires",
      "callid",
      "attr",
      "shtag",
      "reason",
      "req_callid",
    ),
  },
};
