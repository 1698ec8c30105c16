/**
 * What an input looked like, coarse enough for a label: a shift in these distributions is input drift.
 * Content is looked at in memory only, and only where spans carry it.
 */

/** Bucket of a token count by powers of four: "256-1024". */
export function tokenBucket(tokens: number): string {
  if (tokens < 64) return '0-64'
  const low = 4 ** Math.floor(Math.log(tokens) / Math.log(4) + 1e-9)
  return low >= 1_048_576 ? '1048576+' : `${low}-${low * 4}`
}

const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['latin', /\p{Script=Latin}/gu], ['cyrillic', /\p{Script=Cyrillic}/gu], ['han', /\p{Script=Han}/gu], ['kana', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['hangul', /\p{Script=Hangul}/gu], ['arabic', /\p{Script=Arabic}/gu], ['devanagari', /\p{Script=Devanagari}/gu], ['hebrew', /\p{Script=Hebrew}/gu],
  ['greek', /\p{Script=Greek}/gu], ['thai', /\p{Script=Thai}/gu],
]

/** The script most letters of a text are in; `none` without letters, `mixed` when no script has two thirds, `other` for unlisted ones. */
export function scriptOf(text: string): string {
  const letters = text.match(/\p{L}/gu)?.length ?? 0
  if (letters === 0) return 'none'
  let listed = 0
  let best: readonly [string, number] = ['other', 0]
  for (const [name, pattern] of SCRIPTS) {
    const n = text.match(pattern)?.length ?? 0
    listed += n
    if (n > best[1]) best = [name, n]
  }
  if (best[1] >= letters * (2 / 3)) return best[0]
  return listed < letters / 3 ? 'other' : 'mixed'
}
