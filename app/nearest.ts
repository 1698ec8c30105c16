/** Names most like the one that was asked for, so that an answer of "no such thing" says what was perhaps meant. */

/** Up to three names: by shared runs of three letters, so that a missing prefix costs little. */
export function nearest<N extends string>(asked: string, names: Iterable<N>): readonly N[] {
  const wanted = trigrams(asked)
  const score = (name: N): number => {
    const has = trigrams(name)
    const shared = [...has].filter((t) => wanted.has(t)).length
    return (2 * shared) / (wanted.size + has.size)
  }
  const scored = [...names].map((name) => ({ name, score: score(name) })).sort((a, b) => b.score - a.score)
  // Half as like as the best is no suggestion: every name shares its first letters with most others.
  const least = Math.max(0.2, (scored[0]?.score ?? 0) / 2)
  return scored
    .filter((n) => n.score > least)
    .slice(0, 3)
    .map((n) => n.name)
}

function trigrams(text: string): ReadonlySet<string> {
  // A name is short; what is longer was not meant as one.
  const lower = ` ${text.slice(0, 64).toLowerCase()} `
  return new Set(Array.from({ length: Math.max(lower.length - 2, 0) }, (_, i) => lower.slice(i, i + 3)))
}
