/** JSON requests that are wrong or odd in one place: a byte damaged, or anything in the place of anything. */
import fc from 'fast-check'
import { type Otlp, toJson } from '../../support/otlp.ts'

/** A tree with something else at one place: the places are numbered in the order of a walk. */
function changed(tree: unknown, place: number, change: (old: unknown) => unknown): unknown {
  let left = place
  const walk = (node: unknown): unknown => {
    if (left-- === 0) return change(node)
    if (Array.isArray(node)) return node.map(walk)
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, walk(value)]))
  }
  return walk(tree)
}
const sizeOf = (node: unknown): number =>
  1 + (typeof node === 'object' && node !== null ? Object.values(node).reduce<number>((n, v) => n + sizeOf(v), 0) : 0)

/** What may stand where something else was: values of every type, and texts that stringify leaves as they are. */
const PARTS: readonly string[] = [
  'null',
  'true',
  '0',
  '-0',
  '7',
  '-7',
  '1.5',
  '1e3',
  '1E-2',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551615',
  '1e999',
  '""',
  '"7"',
  '"-7"',
  '"007"',
  '"-0"',
  '"1790000000000000001"',
  '"8999999999999999999"',
  '"-9223372036854775808"',
  '"9223372036854775808"',
  '"18446744073709551616"',
  '"NaN"',
  '"SPAN_KIND_CLIENT"',
  '"STATUS_CODE_ERROR"',
  '"gen_ai.choice"',
  '"0AF7651916CD43DD8448EB211C80319C"',
  '"00000000000000000000000000000000"',
  '"0000000000000000"',
  '"abc"',
  '"\\u0000\\ud83d\\ude00\\ud800 \\"\\/é😀"',
  '[]',
  '{}',
  '[{}]',
  '[null]',
  '{"values":[{}]}',
  '{"values":[{"stringValue":"a","intValue":1}]}',
  '{"stringValue":"x"}',
  '{"stringValue":"\\n"}',
  '{"intValue":"12"}',
  '{"doubleValue":"Infinity"}',
  '{"bytesValue":"-_8"}',
  '{"boolValue":false}',
  '{"unknown":{"a":[1,{"b":null}]}}',
  '{"arrayValue":{"values":[{"intValue":1},{"kvlistValue":{"values":[{"key":"k"},{"value":{},"key":"k"}]}}]}}',
]
const MARK = 'a part goes here'

/** With one byte changed, added or left out, or cut off there. */
export function damaged(requests: readonly Otlp[]): fc.Arbitrary<Uint8Array> {
  const bodies = requests.map(toJson)
  const damage = fc.tuple(fc.nat(bodies.length - 1), fc.nat(), fc.constantFrom('flip', 'set', 'cut', 'insert', 'remove'), fc.nat(255))
  return damage.map(([which, place, how, by]) => {
    const body = Buffer.from(bodies[which]!)
    const at = place % body.length
    const [before, after] = [body.subarray(0, at), body.subarray(at)]
    if (how === 'flip') body[at] = body[at]! ^ (1 << (by & 7))
    else if (how === 'set') body[at] = by
    if (how === 'cut') return before
    if (how === 'insert') return Buffer.concat([before, Buffer.from([by]), after])
    return how === 'remove' ? Buffer.concat([before, after.subarray(1)]) : body
  })
}

/** With something else in one place, a key twice, or more than there was. */
export function altered(requests: readonly Otlp[]): fc.Arbitrary<Uint8Array> {
  const other = fc.tuple(fc.nat(requests.length - 1), fc.nat(), fc.constantFrom(...PARTS), fc.constantFrom('replace', 'twice', 'more'))
  return other.map(([which, place, part, how]) => {
    const request = requests[which]!
    const tree = changed(request, place % sizeOf(request), (old) => {
      if (how === 'replace' || typeof old !== 'object' || old === null) return MARK
      if (Array.isArray(old)) return [...(old as unknown[]), MARK]
      const keys = Object.keys(old)
      return how === 'twice' && keys.length > 0 ? { ...old, [`${keys[place % keys.length]}#`]: MARK } : { ...old, new: MARK }
    })
    const text = JSON.stringify(tree)
      .replace('#"', '"')
      .replace(`"${MARK}"`, () => part)
    return Buffer.from(text)
  })
}
