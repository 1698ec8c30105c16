/**
 * JSON text checked before it is parsed: valid UTF-8, nesting within the limit, and the byte offset of the first syntax error.
 * JSON.parse does the work. V8 places only some of its errors, counts in UTF-16 units and quotes the body, so a broken body is walked
 * once more here, without recursion and over bytes, to say where and what in words that hold no content.
 */
import { isUtf8 } from 'node:buffer'
import { DecodeError } from './decode.ts'
import { badUtf8At } from './utf8.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** The shape check and the values recurse: whatever an operator allows, the stack must hold it. */
const DEEPEST = 1500

function bad(offset: number, what: string): DecodeError {
  return new DecodeError('json', offset, what)
}

/** Parses a body. @throws DecodeError with the byte offset of what is wrong. */
export function parseJsonBody(body: Uint8Array, maxNesting: number): unknown {
  if (body.length === 0) throw bad(0, 'the body is empty; an empty request is {}')
  if (!isUtf8(body)) throw bad(badUtf8At(body, 0, body.length), 'not UTF-8')
  checkNesting(body, Math.min(maxNesting, DEEPEST))
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  } catch {
    throw syntaxError(body)
  }
}

function checkNesting(body: Uint8Array, maxNesting: number): void {
  let depth = 0
  for (let i = 0; i < body.length; i++) {
    const c = body[i]
    if (c === QUOTE) i = closingQuote(body, i)
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxNesting) throw bad(i, `nested deeper than ${maxNesting}`)
    } else if (c === 0x7d || c === 0x5d) depth--
  }
}

/** Index of the quote that closes the string opened at `open`, or the length of the body. */
function closingQuote(body: Uint8Array, open: number): number {
  let i = body.indexOf(QUOTE, open + 1)
  while (i >= 0) {
    let slashes = 0
    while (body[i - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return i
    i = body.indexOf(QUOTE, i + 1)
  }
  return body.length
}

/** What may come next: `"` is a string, `s` any other scalar. */
const GRAMMAR = {
  'a value': '{["s',
  'a value or ]': '{["s]',
  'a key or }': '"}',
  'a key': '"',
  'a colon': ':',
  'a comma or }': ',}',
  'a comma or ]': ',]',
  'the end': '',
} as const
type Wanted = keyof typeof GRAMMAR

function syntaxError(body: Uint8Array): DecodeError {
  const open: Wanted[] = []
  let wanted: Wanted = 'a value'
  let i = afterSpace(body, 0)
  while (i < body.length) {
    const char = String.fromCharCode(body[i] as number)
    const kind = '{}[],:"'.includes(char) ? char : 's'
    if (!GRAMMAR[wanted].includes(kind)) return bad(i, `${wanted} is expected`)
    const end: number | DecodeError = kind === '"' ? afterString(body, i) : kind === 's' ? afterScalar(body, i) : i + 1
    if (typeof end !== 'number') return end
    wanted = following(wanted, kind, open)
    i = afterSpace(body, end)
  }
  return bad(body.length, `the body ends where ${wanted} is expected`)
}

/** What may follow; `open` holds what every open bracket expects after a value. */
function following(wanted: Wanted, kind: string, open: Wanted[]): Wanted {
  switch (kind) {
    case '{':
      open.push('a comma or }')
      return 'a key or }'
    case '[':
      open.push('a comma or ]')
      return 'a value or ]'
    case ',':
      return wanted === 'a comma or }' ? 'a key' : 'a value'
    case ':':
      return 'a value'
    case '}':
    case ']':
      open.pop()
      break
    default:
      if (wanted === 'a key' || wanted === 'a key or }') return 'a colon'
  }
  return open.at(-1) ?? 'the end'
}

function afterSpace(body: Uint8Array, i: number): number {
  while (i < body.length && (body[i] === 0x20 || body[i] === 0x0a || body[i] === 0x0d || body[i] === 0x09)) i++
  return i
}

function afterString(body: Uint8Array, open: number): number | DecodeError {
  for (let i = open + 1; i < body.length; i++) {
    const c = body[i] as number
    if (c === QUOTE) return i + 1
    if (c < 0x20) return bad(i, 'a control character in a string must be escaped')
    if (c === BACKSLASH) {
      if (!/^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(latin1(body, i + 1, i + 6))) return bad(i, 'an escape in a string is unknown or cut off')
      i++
    }
  }
  return bad(body.length, `the string that starts at byte ${open} is not closed`)
}

/** Longer numbers than this are cut for the check; no sender writes them, and the offset of the error is the number's start anyway. */
const MAX_NUMBER = 400

function afterScalar(body: Uint8Array, i: number): number | DecodeError {
  const found = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(latin1(body, i, i + MAX_NUMBER))
  return found === null ? bad(i, 'this is no JSON value') : i + found[0].length
}

function latin1(body: Uint8Array, start: number, end: number): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1', start, Math.min(end, body.length))
}
