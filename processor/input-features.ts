/**
 * What an input looked like, coarse enough for a label: a shift in these distributions is input drift.
 * Content is looked at in memory only, and only where spans carry it; nothing of it reaches a label but the name of its script.
 * No language: telling it from a line of text needs a model or a dictionary, and a guess would drift by itself.
 */

const HIGHEST = 1_048_576

/** Bucket of a token count: below 64, powers of four ("256-1024", upper end excluded), from 1048576 on. */
export function tokenBucket(tokens: number): string {
  if (tokens >= HIGHEST) return `${HIGHEST}+`
  let low = 0
  let high = 64
  while (tokens >= high) {
    low = high
    high *= 4
  }
  return `${low}-${high}`
}

/** Letters of the scripts that most of the world's text is in; marks do not count, so shares add up. */
const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['latin', /[\p{Script=Latin}&&\p{L}]/gv],
  ['cyrillic', /[\p{Script=Cyrillic}&&\p{L}]/gv],
  ['han', /[\p{Script=Han}&&\p{L}]/gv],
  ['kana', /[[\p{Script=Hiragana}\p{Script=Katakana}]&&\p{L}]/gv],
  ['hangul', /[\p{Script=Hangul}&&\p{L}]/gv],
  ['arabic', /[\p{Script=Arabic}&&\p{L}]/gv],
  ['devanagari', /[\p{Script=Devanagari}&&\p{L}]/gv],
  ['bengali', /[\p{Script=Bengali}&&\p{L}]/gv],
  ['tamil', /[\p{Script=Tamil}&&\p{L}]/gv],
  ['hebrew', /[\p{Script=Hebrew}&&\p{L}]/gv],
  ['greek', /[\p{Script=Greek}&&\p{L}]/gv],
  ['thai', /[\p{Script=Thai}&&\p{L}]/gv],
]
/** Longest text looked at, in UTF-16 units; dialects keep no more. */
const MAX_TEXT = 512

/**
 * The script that two thirds of a text's letters are in: `none` without letters, `other` for unlisted ones, `mixed` when no script has
 * that many. Japanese is written in two scripts at once, so han with any share of kana is `kana`.
 */
export function scriptOf(text: string): string {
  const looked = text.slice(0, MAX_TEXT)
  const count = (pattern: RegExp): number => looked.match(pattern)?.length ?? 0
  const letters = count(/\p{L}/gu)
  if (letters === 0) return 'none'
  const counts = new Map(SCRIPTS.map(([name, pattern]) => [name, count(pattern)]))
  const kana = counts.get('kana') ?? 0
  if (kana > 0) {
    counts.set('kana', kana + (counts.get('han') ?? 0))
    counts.delete('han')
  }
  const listed = [...counts.values()].reduce((sum, n) => sum + n, 0)
  counts.set('other', letters - listed)
  for (const [name, n] of counts) if (n >= (letters * 2) / 3) return name
  return 'mixed'
}
