/** Chance that can be repeated: print the seed, and give it again. */

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A seed that differs from run to run. */
export function newSeed(): number {
  return Math.floor(Math.random() * 4294967296);
}

/** `bytes` in pieces at random cuts, an empty one now and then. */
export function* cutAtRandom(
  bytes: Uint8Array,
  random: () => number,
): Generator<Uint8Array> {
  const longest = 1 + Math.floor(random() * Math.min(64, bytes.length));
  for (let i = 0; i < bytes.length;) {
    const length = Math.floor(random() * (longest + 1));
    yield bytes.subarray(i, i + length);
    i += length;
  }
}
