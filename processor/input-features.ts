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
  ['latin', /[\p{Script=Latin}&&\p{L}]/v],
  ['cyrillic', /[\p{Script=Cyrillic}&&\p{L}]/v],
  ['han', /[\p{Script=Han}&&\p{L}]/v],
  ['kana', /[[\p{Script=Hiragana}\p{Script=Katakana}]&&\p{L}]/v],
  ['hangul', /[\p{Script=Hangul}&&\p{L}]/v],
  ['arabic', /[\p{Script=Arabic}&&\p{L}]/v],
  ['devanagari', /[\p{Script=Devanagari}&&\p{L}]/v],
  ['bengali', /[\p{Script=Bengali}&&\p{L}]/v],
  ['tamil', /[\p{Script=Tamil}&&\p{L}]/v],
  ['hebrew', /[\p{Script=Hebrew}&&\p{L}]/v],
  ['greek', /[\p{Script=Greek}&&\p{L}]/v],
  ['thai', /[\p{Script=Thai}&&\p{L}]/v],
]
const HAN = SCRIPTS.findIndex(([name]) => name === 'han')
const KANA = SCRIPTS.findIndex(([name]) => name === 'kana')
/** What a character is: a place in `SCRIPTS`, or one of these. */
const OTHER = SCRIPTS.length
const NO_LETTER = OTHER + 1
const UNSEEN = 255
/** Longest text looked at, in UTF-16 units; dialects keep no more. */
const MAX_TEXT = 512

/** What each character of the basic plane is, found out when it is first seen: asking a text for each script takes twenty times as long. */
const KINDS = new Uint8Array(0x1_00_00).fill(UNSEEN)
const counts = new Uint32Array(NO_LETTER + 1)

function kindOf(codePoint: number): number {
  const known = KINDS[codePoint]
  if (known !== undefined && known !== UNSEEN) return known
  const letter = String.fromCodePoint(codePoint)
  const script = SCRIPTS.findIndex(([, pattern]) => pattern.test(letter))
  const kind = script >= 0 ? script : /\p{L}/u.test(letter) ? OTHER : NO_LETTER
  if (codePoint < KINDS.length) KINDS[codePoint] = kind
  return kind
}

/**
 * The script that two thirds of a text's letters are in: `none` without letters, `other` for unlisted ones, `mixed` when no script has
 * that many. Japanese is written in two scripts at once, so han with any share of kana is `kana`.
 */
export function scriptOf(text: string): string {
  const looked = text.slice(0, MAX_TEXT)
  counts.fill(0)
  let letters = 0
  for (let at = 0; at < looked.length; at++) {
    const codePoint = looked.codePointAt(at) ?? 0
    if (codePoint > 0xff_ff) at++
    const kind = kindOf(codePoint)
    if (kind === NO_LETTER) continue
    letters++
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  if (letters === 0) return 'none'
  if ((counts[KANA] ?? 0) > 0) {
    counts[KANA] = (counts[KANA] ?? 0) + (counts[HAN] ?? 0)
    counts[HAN] = 0
  }
  for (let kind = 0; kind <= OTHER; kind++) if ((counts[kind] ?? 0) >= (letters * 2) / 3) return SCRIPTS[kind]?.[0] ?? 'other'
  return 'mixed'
}
