import { assertEquals } from "@std/assert";
import { didYouMean } from "../../src/protocol/did_you_mean.ts";

const KNOWN = ["raise", "pump", "listen", "E_PIKE_BLOCKED", "ip", "a"];

Deno.test({
  name: "didYouMean() finds a name within two typing errors, or none",
  permissions: "none",
  fn() {
    for (
      const [name, meant] of [
        ["rasie", "raise"],
        ["rais", "raise"],
        ["praise", "raise"],
        ["lsten", "listen"],
        ["E_PIKE_BLOKED", "E_PIKE_BLOCKED"],
        ["ipp", "ip"],
        ["bump", "pump"],
        ["", undefined],
        ["frobnicate", undefined],
        ["xyz", undefined],
        ["e_pike_blocked", undefined], // 13 letters differ
      ] as const
    ) {
      assertEquals(
        didYouMean(name, KNOWN),
        meant === undefined ? "" : `, did you mean "${meant}"?`,
        name,
      );
    }
    assertEquals(didYouMean("raise", []), "");
  },
});

Deno.test({
  name: "didYouMean() prefers the nearest name, and of equals the first",
  permissions: "none",
  fn() {
    for (const known of [["E_AB", "E_A"], ["E_B", "E_A"], ["E_ABC", "E_A"]]) {
      assertEquals(
        didYouMean("E_AA", ["other", ...known]),
        {
          E_AB: ', did you mean "E_AB"?',
          E_B: ', did you mean "E_A"?',
          E_ABC: ', did you mean "E_A"?',
        }[known[0]!],
      );
    }
  },
});
