/**
 * Which known name was probably meant.
 *
 * @module
 */

/** `, did you mean "raise"?` for a name within two typing errors, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const [best] = known
    .map((candidate) => ({ candidate, distance: distance(name, candidate) }))
    .filter(({ candidate, distance }) =>
      distance <= 2 && distance < candidate.length
    )
    .sort((a, b) => a.distance - b.distance);
  return best === undefined ? "" : `, did you mean "${best.candidate}"?`;
}

/** The least number of letters to insert, delete or replace (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
