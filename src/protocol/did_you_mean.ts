/**
 * Suggestions for names that are not known.
 *
 * @module
 */

/**
 * Returns `, did you mean "raise"?` if a known name is at most two typing errors
 * away, else an empty string.
 */
export function didYouMean(name: string, known: readonly string[]): string {
  const [best] = known
    .map((candidate) => ({ candidate, distance: distance(name, candidate) }))
    .filter(({ candidate, distance }) =>
      distance <= 2 && distance < candidate.length
    )
    .sort((a, b) => a.distance - b.distance);
  return best === undefined ? "" : `, did you mean "${best.candidate}"?`;
}

/** Counts the letters to insert, delete or replace (the Levenshtein distance). */
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
