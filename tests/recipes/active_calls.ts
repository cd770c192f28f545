// Keeps a table of the calls that are active: by Call-ID, since when.

import { receiveFrom } from "../../src/opensips/mod.ts";

export function activeCalls(mi: string, port = 8080) {
  const calls = new Map<string, Date>();
  const receiver = receiveFrom(mi, {
    E_DLG_STATE_CHANGED({ params: { callid, new_state } }) {
      if (Number(new_state) === 3) calls.set(`${callid}`, new Date()); // answered
      if (Number(new_state) === 5) calls.delete(`${callid}`); // ended
      return true;
    },
  }, { listen: { port } });
  receiver.subscription.addEventListener("lost", () => calls.clear());
  return { calls, receiver };
}
