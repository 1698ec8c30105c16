/**
 * JSON text checked before it is parsed: valid UTF-8, nesting within the limit, and a byte offset for every complaint.
 * JSON.parse does the work; the scanner here runs over the structure first (nesting) and again only to place an error.
 */
import { isUtf8 } from 'node:buffer'
import { DecodeError } from './decode.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Parses a body. @throws DecodeError with the byte offset of what is wrong. */
export function parseJsonBody(body: Uint8Array, maxNesting: number): unknown {
  if (body.length === 0) throw new DecodeError('json', 0, 'the body is empty; an empty request is {}')
  if (!isUtf8(body)) throw new DecodeError('json', badUtf8At(body), 'not UTF-8')
  checkNesting(body, maxNesting)
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  try {
    return JSON.parse(buffer.toString('utf8'))
  } catch (error) {
    const what = error instanceof Error ? error.message.replace(/ in JSON at position.*$| \(line.*$|, (\.\.\.)?".*$/s, '') : 'not JSON'
    throw new DecodeError('json', syntaxErrorAt(body), what)
  }
}

/** Offset of the first byte that breaks UTF-8: halves the range until the broken character is found. */
export function badUtf8At(body: Uint8Array): number {
  let good = 0
  let bad = body.length
  while (bad - good > 1) {
    let middle = (good + bad) >> 1
    // Never cut a character: step back over continuation bytes.
    while (middle > good && ((body[middle] ?? 0) & 0xc0) === 0x80) middle--
    if (middle === good) {
      middle = (good + bad) >> 1
      if (!isUtf8(body.subarray(good, middle)) || ((body[middle] ?? 0) & 0xc0) === 0x80) return good
    }
    if (isUtf8(body.subarray(good, middle))) good = middle
    else bad = middle
  }
  return good
}

function checkNesting(body: Uint8Array, maxNesting: number): void {
  let depth = 0
  for (let i = 0; i < body.length; i++) {
    const c = body[i]
    if (c === QUOTE) i = endOfString(body, i)
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxNesting) throw new DecodeError('json', i, `nested deeper than ${maxNesting}`)
    } else if (c === 0x7d || c === 0x5d) depth--
  }
}

/** Index of the closing quote of the string that opens at `open`, or the end of the body. */
function endOfString(body: Uint8Array, open: number): number {
  let i = body.indexOf(QUOTE, open + 1)
  while (i >= 0) {
    let slashes = 0
    while (body[i - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return i
    i = body.indexOf(QUOTE, i + 1)
  }
  return body.length
}

/**
 * Byte offset of the first syntax error. V8 names a position only for some errors and counts in UTF-16 units, so the grammar is walked
 * once more, with a stack of open brackets instead of recursion.
 */
function syntaxErrorAt(body: Uint8Array): number {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const open: number[] = []
  let expecting: 'value' | 'value or ]' | 'key or }' | 'key' | 'colon' | 'comma or close' | 'end' = 'value'
  const afterValue = (): 'comma or close' | 'end' => (open.length > 0 ? 'comma or close' : 'end')
  for (let i = 0; i < text.length; ) {
    const c = text[i] ?? 0
    if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
      i++
      continue
    }
    if (expecting === 'value' || expecting === 'value or ]') {
      if (c === 0x5d && expecting === 'value or ]') {
        open.pop()
        expecting = afterValue()
        i++
        continue
      }
      if (c === 0x7b || c === 0x5b) {
        open.push(c)
        expecting = c === 0x7b ? 'key or }' : 'value or ]'
        i++
        continue
      }
      const end = endOfScalar(text, i)
      if (end < 0) return -end - 1
      i = end
      expecting = afterValue()
    } else if (expecting === 'key' || expecting === 'key or }') {
      if (c === 0x7d && expecting === 'key or }') {
        open.pop()
        expecting = afterValue()
        i++
        continue
      }
      if (c !== QUOTE) return i
      const end = endOfScalar(text, i)
      if (end < 0) return -end - 1
      i = end
      expecting = 'colon'
    } else if (expecting === 'colon') {
      if (c !== 0x3a) return i
      expecting = 'value'
      i++
    } else if (expecting === 'comma or close') {
      const inObject = open.at(-1) === 0x7b
      if (c === 0x2c) expecting = inObject ? 'key' : 'value'
      else if (c === (inObject ? 0x7d : 0x5d)) {
        open.pop()
        expecting = afterValue()
      } else return i
      i++
    } else return i
  }
  return text.length
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** Index after the scalar at `i`; −1 − offset of the error when it is broken. */
function endOfScalar(text: Buffer, i: number): number {
  if (text[i] === QUOTE) {
    const close = endOfString(text, i)
    if (close >= text.length) return -text.length - 1
    for (let k = i + 1; k < close; k++) {
      const c = text[k] ?? 0
      if (c < 0x20) return -k - 1
      if (c === BACKSLASH) {
        const next = text[k + 1] ?? 0
        if (next === 0x75 ? !/^[0-9a-fA-F]{4}$/.test(text.toString('latin1', k + 2, k + 6)) : !'"\\/bfnrt'.includes(String.fromCharCode(next))) return -k - 1
        k++
      }
    }
    return close + 1
  }
  const rest = text.toString('latin1', i, Math.min(i + 400, text.length))
  for (const word of ['true', 'false', 'null']) if (rest.startsWith(word)) return i + word.length
  NUMBER.lastIndex = 0
  const number = NUMBER.exec(rest)
  return number === null || number[0] === '' ? -i - 1 : i + number[0].length
}
