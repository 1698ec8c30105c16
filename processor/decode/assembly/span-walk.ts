/**
 * One walk over spans that checks them and notes where everything in them is: the hot loop of decoding (docs/decisions/0015-wire-path.md).
 * AssemblyScript, compiled to WebAssembly by scripts/assemble.ts; span-walk.ts of the folder above puts bytes and tables into its memory.
 * It knows the form that emitters write (lengths without padding, key before value, ids of the right size) and stops at a span of any other,
 * be it rare or wrong; the exact check (wire-check.ts) then decides. So it may be as narrow as it likes, but must never accept what the exact
 * check refuses. It reads up to 64 bytes past what it was given before it looks at a length; those are in its memory, whatever they hold.
 */

/** Where the host put its tables: those of key-table.ts, one number a slot where nothing else is said. */
export let starts: usize = 0
export let heads: usize = 0
export let chains: usize = 0
export let keys: usize = 0
export let keyLengths: usize = 0
export let keyBits: usize = 0
export let hashShift: i32 = 0
/** A bit for each prefix, by the hash of its first three bytes; address and length of each prefix. */
export let prefixesBy: usize = 0
export let prefixes: usize = 0
/** What is noted, as span-places.ts has it: STRIDE numbers a span, three an attribute; there is room for attributes up to `attributesEnd`. */
export let places: usize = 0
export let attributes: usize = 0
export let attributesEnd: usize = 0
/** How deep values may be nested. */
export let maxNesting: i32 = 0

/** After a walk: how many spans and attributes it noted, and the end of a span that reaches past what it was given, or 0. */
export let spanCount: i32 = 0
export let attributeCount: i32 = 0
export let reaches: usize = 0

/** Bytes that a span's numbers take; below are their places among them. */
const STRIDE: usize = 72
const TRACE_ID: usize = 8
const SPAN_ID: usize = 12
const PARENT_ID: usize = 16
const STATE: usize = 20
const NAME: usize = 28
const KIND: usize = 36
const START_TIME: usize = 40
const END_TIME: usize = 44
const STATUS: usize = 48
const FLAGS: usize = 56
const BITS: usize = 60
const ATTRIBUTES_FROM: usize = 64
const ATTRIBUTES_TO: usize = 68

const OF_INTEREST: i32 = 1
const HAS_EVENTS: i32 = 2
const HAS_LINKS: i32 = 4
/** In `starts`: what a prefix may begin with. */
const PREFIXED: i32 = 256
/** Where a span may begin while there is room for so many attributes more. */
const ROOM: usize = 12 * 512
/** A form that this walk does not know. */
const ODD: usize = 0

/** What is added to an address for the position in the body. */
let origin: i32 = 0
/** Of the span at hand: where its next attribute is noted, and its bits. */
let noted: usize = 0
let bits: i32 = 0
let messageEnd: usize = 0

/**
 * Takes spans (field 2, length-delimited) that stand side by side in [from, to) of this memory, `max` at the most, and returns where it
 * stopped: at `to`, or at the tag of what is none or odd. `shift` makes positions of addresses; attributes are numbered from `first`.
 */
export function walk(from: usize, to: usize, max: i32, shift: i32, first: i32): usize {
  origin = shift
  reaches = 0
  noted = attributes
  let o = places
  let n = 0
  let p = from
  while (p < to && n < max && noted + ROOM <= attributesEnd) {
    if (load<u8>(p) != 0x12) break
    const length = lengthAt(p + 1)
    if (length < 0) break
    const start = p + 1 + widthOf(length)
    const next = start + length
    if (next > to) {
      reaches = next
      break
    }
    const before = noted
    if (!span(start, next, o)) {
      noted = before
      break
    }
    store<i32>(o, first + <i32>((before - attributes) / 12), ATTRIBUTES_FROM)
    store<i32>(o, first + <i32>((noted - attributes) / 12), ATTRIBUTES_TO)
    o += STRIDE
    n++
    p = next
  }
  spanCount = n
  attributeCount = <i32>((noted - attributes) / 12)
  return p
}

function span(start: usize, end: usize, o: usize): bool {
  const none = i32x4.splat(0)
  v128.store(o, none, TRACE_ID)
  v128.store(o, none, TRACE_ID + 16)
  v128.store(o, none, TRACE_ID + 32)
  v128.store(o, none, TRACE_ID + 48)
  place(o, start)
  place(o + 4, end)
  bits = 0
  let p = start
  while (p < end) {
    const length = <usize>load<u8>(p, 1)
    switch (load<u8>(p)) {
      case 0x4a:
        p = keyValues(p, end)
        break
      case 0x0a:
        if ((load<u64>(p, 2) | load<u64>(p, 10)) == 0) store<i32>(o, -1, TRACE_ID)
        else place(o + TRACE_ID, p + 2)
        p = length == 16 ? p + 18 : ODD
        break
      case 0x12:
        if (load<u64>(p, 2) == 0) store<i32>(o, -1, SPAN_ID)
        else place(o + SPAN_ID, p + 2)
        p = length == 8 ? p + 10 : ODD
        break
      case 0x22:
        if (length == 0 || load<u64>(p, 2) == 0) store<i32>(o, 0, PARENT_ID)
        else place(o + PARENT_ID, p + 2)
        p = length == 8 || length == 0 ? p + 2 + length : ODD
        break
      case 0x39:
        place(o + START_TIME, p + 1)
        p += 9
        break
      case 0x41:
        place(o + END_TIME, p + 1)
        p += 9
        break
      case 0x2a:
        p = text(p, end, o + NAME)
        break
      case 0x1a:
        p = text(p, end, o + STATE)
        break
      case 0x30:
        place(o + KIND, p + 1)
        p = length < 0x80 ? p + 2 : ODD
        break
      // Counts of what was dropped.
      case 0x50:
      case 0x60:
      case 0x70:
        p = length < 0x80 ? p + 2 : ODD
        break
      case 0x85:
        place(o + FLAGS, p + 2)
        p = length == 1 ? p + 6 : ODD
        break
      case 0x7a:
        place(o + STATUS, p + 2)
        p = status(p + 2, length, end)
        place(o + STATUS + 4, p)
        break
      case 0x5a:
        p = event(p, end)
        break
      case 0x6a:
        p = link(p, end)
        break
      default:
        return false
    }
    if (p == ODD) return false
  }
  store<i32>(o, bits, BITS)
  return p == end
}

// @ts-ignore: AssemblyScript has decorators of functions.
@inline
function place(at: usize, address: usize): void {
  store<i32>(at, <i32>address + origin)
}

/** A short text whose tag is at `p`; notes where it is and returns its end. */
function text(p: usize, end: usize, at: usize): usize {
  const length = <usize>load<u8>(p, 1)
  const to = p + 2 + length
  place(at, p + 2)
  place(at + 4, to)
  return length < 0x80 && to <= end && isText(p + 2, to) ? to : ODD
}

/** Status { message = 2, code = 3 }. */
function status(start: usize, length: usize, end: usize): usize {
  const to = start + length
  if (length >= 0x80 || to > end) return ODD
  let p = start
  while (p < to) {
    const tag = load<u8>(p)
    const size = <usize>load<u8>(p, 1)
    if (size >= 0x80) return ODD
    if (tag == 0x18) p += 2
    else if (tag == 0x12 && p + 2 + size <= to && isText(p + 2, p + 2 + size)) p += 2 + size
    else return ODD
  }
  return p == to ? p : ODD
}

/** Where the message whose tag is at `tagAt` begins, ODD when it does not lie before `end`; `messageEnd` is where it ends. */
function message(tagAt: usize, end: usize): usize {
  const length = lengthAt(tagAt + 1)
  const from = tagAt + 1 + widthOf(length)
  messageEnd = from + length
  return length < 0 || messageEnd > end ? ODD : from
}

/** Event { time_unix_nano = 1, name = 2, attributes = 3, dropped_attributes_count = 4 }. */
function event(tagAt: usize, end: usize): usize {
  let p = message(tagAt, end)
  const to = messageEnd
  if (p == ODD) return ODD
  let isGenAi = false
  while (p < to) {
    const tag = load<u8>(p)
    if (tag == 0x09) p += 9
    else if (tag == 0x12) {
      const size = <usize>load<u8>(p, 1)
      const from = p + 2
      p = from + size
      if (size >= 0x80 || p > to || !isText(from, p)) return ODD
      // "gen_ai.", four bytes at its start and its end: EVENT_PREFIX of interest.ts.
      isGenAi = size >= 7 && load<u32>(from) == 0x5f6e6567 && load<u32>(from, 3) == 0x2e69615f
    } else if (tag == 0x1a) {
      p = skipKeyValue(p, to)
      if (p == ODD) return ODD
    } else if (tag == 0x20 && load<u8>(p, 1) < 0x80) p += 2
    else return ODD
  }
  bits |= isGenAi ? HAS_EVENTS | OF_INTEREST : HAS_EVENTS
  return p == to ? p : ODD
}

/** Link { trace_id = 1, span_id = 2, trace_state = 3, attributes = 4, dropped_attributes_count = 5, flags = 6 }. */
function link(tagAt: usize, end: usize): usize {
  let p = message(tagAt, end)
  const to = messageEnd
  if (p == ODD) return ODD
  while (p < to) {
    const tag = load<u8>(p)
    const size = <usize>load<u8>(p, 1)
    if (tag == 0x22) {
      p = skipKeyValue(p, to)
      if (p == ODD) return ODD
    } else if (tag == 0x35) p += 5
    else if (size >= 0x80) return ODD
    else if (tag == 0x28) p += 2
    else if (tag == 0x0a || tag == 0x12) p += 2 + size
    else if (tag == 0x1a && p + 2 + size <= to && isText(p + 2, p + 2 + size)) p += 2 + size
    else return ODD
  }
  bits |= HAS_LINKS
  return p == to ? p : ODD
}

/** The span's attributes that begin at `p` and stand side by side: KeyValue { key = 1, value = 2 }. Returns where they end. */
function keyValues(start: usize, end: usize): usize {
  let at = noted
  let b = bits
  let p = start
  while (p < end && load<u8>(p) == 0x4a) {
    let size = <i32>load<u8>(p, 1)
    if (size >= 0x80) size = lengthAt(p + 1)
    const from = p + 1 + widthOf(size)
    const next = from + size
    const keyLength = <i32>load<u8>(from, 1)
    const key = from + 2
    const afterKey = key + keyLength
    if (size < 0 || next > end || load<u8>(from) != 0x0a || keyLength >= 0x80 || afterKey >= next || load<u8>(afterKey) != 0x12) return ODD
    let valueSize = <i32>load<u8>(afterKey, 1)
    if (valueSize >= 0x80) valueSize = lengthAt(afterKey + 1)
    const value = afterKey + 1 + widthOf(valueSize)
    if (valueSize < 0 || value + valueSize != next) return ODD
    const isShortText = valueSize > 1 && valueSize < 0x80 && load<u8>(value) == 0x0a && value + 2 + load<u8>(value, 1) == next
    // Two bytes and the length rule out nearly every key that nobody asked for.
    const marks = keyLength < 2 ? 0xff : <i32>load<u16>(starts + (<usize>load<u16>(key) << 1))
    const slot = ((marks >> (keyLength & 7)) & 1) == 0 ? -1 : find(key, keyLength)
    if (slot >= 0) {
      if (at >= attributesEnd) return ODD
      b |= load<i32>(keyBits + (<usize>slot << 2))
      store<i32>(at, slot)
      place(at + 4, value)
      place(at + 8, next)
      at += 12
      if (isShortText ? !isText(value + 2, next) : valueSize > 0 && !isValue(value, next, 1)) return ODD
    } else {
      if ((marks & PREFIXED) != 0 && (b & OF_INTEREST) == 0 && isPrefixed(key, keyLength)) b |= OF_INTEREST
      // Key, short text and the lengths and tags between them, all of them ASCII, are looked at together.
      if (!(isShortText && isAscii(key, next))) {
        if (!isText(key, afterKey)) return ODD
        if (valueSize > 0 && !isValue(value, next, 1)) return ODD
      }
    }
    p = next
  }
  noted = at
  bits = b
  return p
}

/** The KeyValue whose tag is at `p`, of which nothing is noted; returns its end. */
function skipKeyValue(p: usize, end: usize, depth: i32 = 1): usize {
  const size = lengthAt(p + 1)
  if (size < 0) return ODD
  const from = p + 1 + widthOf(size)
  const next = from + size
  const keyLength = <i32>load<u8>(from, 1)
  const afterKey = from + 2 + keyLength
  if (next > end || load<u8>(from) != 0x0a || keyLength >= 0x80 || afterKey >= next || load<u8>(afterKey) != 0x12) return ODD
  const valueSize = lengthAt(afterKey + 1)
  const value = afterKey + 1 + widthOf(valueSize)
  if (valueSize < 0 || value + valueSize != next) return ODD
  if (!isText(from + 2, afterKey)) return ODD
  return valueSize == 0 || isValue(value, next, depth) ? next : ODD
}

/** AnyValue with one alternative, which is in [start, end). */
function isValue(start: usize, end: usize, depth: i32): bool {
  if (depth > maxNesting) return false
  const type = load<u8>(start)
  if (type == 0x10 || type == 0x18) {
    let p = start + 1
    while (p < end && load<u8>(p) >= 0x80) p++
    // A tenth byte is for negative numbers and for too large ones: the exact check tells them apart.
    return p + 1 == end && p < start + 10
  }
  if (type == 0x21) return end - start == 9
  const length = lengthAt(start + 1)
  const from = start + 1 + widthOf(length)
  if (length < 0 || from + length != end) return false
  if (type == 0x0a) return isText(from, end)
  if (type == 0x2a) return areValues(from, end, depth + 1)
  if (type == 0x32) return arePairs(from, end, depth + 1)
  return type == 0x3a
}

/** ArrayValue { values = 1 }. */
function areValues(start: usize, end: usize, depth: i32): bool {
  let p = start
  while (p < end) {
    const length = lengthAt(p + 1)
    const from = p + 1 + widthOf(length)
    p = load<u8>(p) == 0x0a && length >= 0 ? from + length : ODD
    if (p == ODD || p > end || (length > 0 && !isValue(from, p, depth))) return false
  }
  return depth <= maxNesting
}

/** KeyValueList { values = 1 }. */
function arePairs(start: usize, end: usize, depth: i32): bool {
  let p = start
  while (p < end) {
    if (load<u8>(p) != 0x0a) return false
    p = skipKeyValue(p, end, depth)
    if (p == ODD) return false
  }
  return depth <= maxNesting
}

/** A length of up to three bytes without padding; −1 for any other. */
// @ts-ignore: AssemblyScript has decorators of functions.
@inline
function lengthAt(at: usize): i32 {
  const first = <i32>load<u8>(at)
  if (first < 0x80) return first
  const second = <i32>load<u8>(at, 1)
  const two = (first & 0x7f) | ((second & 0x7f) << 7)
  if (second < 0x80) return two < 0x80 ? -1 : two
  const third = <i32>load<u8>(at, 2)
  return third < 0x80 && third > 0 ? two | (third << 14) : -1
}

// @ts-ignore: AssemblyScript has decorators of functions.
@inline
function widthOf(length: i32): i32 {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : 3
}

/** Slot of a key or −1: `find` of key-table.ts, with the same hash. */
// @ts-ignore: AssemblyScript has decorators of functions.
@inline
function find(key: usize, length: i32): i32 {
  let h = length
  if (length >= 8) {
    h = (load<i32>(key + (length >> 1)) ^ length) * 0x9e3779b1
    h = (h ^ load<i32>(key + length - 4)) * 0x85ebca6b
  } else for (let i = 0; i < length; i++) h = (h ^ load<u8>(key + i)) * 0x9e3779b1
  let slot = <i32>load<i16>(heads + (<usize>(<u32>h >> hashShift) << 1)) - 1
  while (slot >= 0) {
    const i = <usize>slot << 2
    if (load<i32>(keyLengths + i) == length && isEqual(load<i32>(keys + i), key, length)) return slot
    slot = <i32>load<i16>(chains + (<usize>slot << 1)) - 1
  }
  return -1
}

function isPrefixed(key: usize, length: i32): bool {
  if (length < 3) return false
  const h = <usize>((<i32>load<u8>(key) * 31 + <i32>load<u8>(key, 1) * 7 + <i32>load<u8>(key, 2)) & 255)
  let candidates = load<u32>(prefixesBy + (h << 2))
  while (candidates != 0) {
    const prefix = prefixes + (<usize>ctz(candidates) << 3)
    const size = load<i32>(prefix, 4)
    if (length >= size && isEqual(load<i32>(prefix), key, size)) return true
    candidates &= candidates - 1
  }
  return false
}

/** A bit for each of the first `length` bytes, up to 32: what is past them is read too, but not looked at. */
// @ts-ignore: AssemblyScript has decorators of functions.
@inline
function first(length: usize): u32 {
  return <u32>((<u64>1 << length) - 1)
}

/** Whether two ranges hold the same: up to 32 bytes at once without a branch, which would be guessed wrong as often as lengths differ. */
// @ts-ignore: AssemblyScript has decorators of functions.
@inline
function isEqual(a: usize, b: usize, length: usize): bool {
  if (length <= 32) {
    const low = i8x16.bitmask(i8x16.ne(v128.load(a), v128.load(b)))
    const high = i8x16.bitmask(i8x16.ne(v128.load(a, 16), v128.load(b, 16)))
    return ((low | (high << 16)) & first(length)) == 0
  }
  const last = length - 16
  for (let i: usize = 0; i < last; i += 16) if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) return false
  return !v128.any_true(v128.xor(v128.load(a + last), v128.load(b + last)))
}

// @ts-ignore: AssemblyScript has decorators of functions.
@inline
function isText(from: usize, to: usize): bool {
  return isAscii(from, to) || isUtf8(from, to)
}

/** Up to 32 bytes as in `isEqual`. */
// @ts-ignore: AssemblyScript has decorators of functions.
@inline
function isAscii(from: usize, to: usize): bool {
  const length = to - from
  if (length <= 32) {
    return ((i8x16.bitmask(v128.load(from)) | (i8x16.bitmask(v128.load(from, 16)) << 16)) & first(length)) == 0
  }
  const last = to - 16
  let seen = v128.load(last)
  for (let p = from; p < last; p += 16) seen = v128.or(seen, v128.load(p))
  return i8x16.bitmask(seen) == 0
}

/**
 * UTF-8, sixteen bytes at a time: what a byte and the one before it cannot be together has a bit in common in three tables.
 * Source: Keiser and Lemire, Validating UTF-8 In Less Than One Instruction Per Byte, 2021, section 6; names of bits as in simdjson.
 */
function isUtf8(from: usize, to: usize): bool {
  // prettier-ignore
  const firstHigh = i8x16(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
    TWO_CONTS, TWO_CONTS, TWO_CONTS, TWO_CONTS, TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
    TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4)
  // prettier-ignore
  const firstLow = i8x16(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY, CARRY | TOO_LARGE,
    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE,
    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000)
  // prettier-ignore
  const secondHigh = i8x16(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
    TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE,
    TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE, TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE,
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT)
  const nibble = i8x16.splat(15)
  let before = i8x16.splat(0)
  let wrong = i8x16.splat(0)
  // One block more than there is, of zeros: a sequence that the end cuts off is too short in it.
  for (let p = from; p < to + 16; p += 16) {
    const left = <i32>to - <i32>p
    let input = i8x16.splat(0)
    if (left >= 16) input = v128.load(p)
    else if (left > 0) input = v128.and(v128.load(p), i8x16.gt_s(i8x16.splat(<i8>left), COUNTING))
    const one = i8x16.shuffle(before, input, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)
    const two = i8x16.shuffle(before, input, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)
    const three = i8x16.shuffle(before, input, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28)
    const special = v128.and(
      v128.and(i8x16.swizzle(firstHigh, i8x16.shr_u(one, 4)), i8x16.swizzle(firstLow, v128.and(one, nibble))),
      i8x16.swizzle(secondHigh, i8x16.shr_u(input, 4)),
    )
    const third = i8x16.sub_sat_u(two, i8x16.splat(<i8>0x60))
    const fourth = i8x16.sub_sat_u(three, i8x16.splat(<i8>0x70))
    const must = v128.and(v128.or(third, fourth), i8x16.splat(<i8>0x80))
    wrong = v128.or(wrong, v128.xor(must, special))
    before = input
  }
  return !v128.any_true(wrong)
}

const TOO_SHORT: i8 = 1 << 0
const TOO_LONG: i8 = 1 << 1
const OVERLONG_3: i8 = 1 << 2
const TOO_LARGE: i8 = 1 << 3
const SURROGATE: i8 = 1 << 4
const OVERLONG_2: i8 = 1 << 5
const TOO_LARGE_1000: i8 = 1 << 6
const OVERLONG_4: i8 = 1 << 6
const TWO_CONTS: i8 = <i8>(1 << 7)
const CARRY: i8 = <i8>(TOO_SHORT | TOO_LONG | TWO_CONTS)
const COUNTING: v128 = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
