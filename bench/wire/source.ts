/**
 * What traffic is made of: sketches of spans, and one stream of seeded randomness that everything in one request is drawn from.
 * The same seed gives the same ids, times and text on every machine.
 */
import { createRandom, type Random } from '../detection/fleet/random.ts'
import { createText } from './text.ts'

export const MIXES = ['genai', 'content', 'mixed'] as const
export type Mix = (typeof MIXES)[number]

/** `{ double }` is a number that must travel as a double even when it is whole. */
export type Value = string | number | boolean | { readonly double: number } | readonly string[]
export type Attributes = Readonly<Record<string, Value>>

export interface SpanSketch {
  readonly traceId: Buffer
  readonly spanId: Buffer
  readonly parentSpanId: Buffer | undefined
  readonly name: string
  readonly kind: number
  readonly startNs: bigint
  readonly endNs: bigint
  readonly attributes: Attributes
  readonly error?: string
  readonly events?: readonly { readonly name: string; readonly timeNs: bigint; readonly attributes: Attributes }[]
}

export interface ResourceSketch {
  readonly attributes: Attributes
  readonly scopes: readonly { readonly name: string; readonly spans: readonly SpanSketch[] }[]
}

const START_NS = 1_790_000_000_000_000_000n
const TEXT = createText(createRandom(1, 'wire text'))

/** Words to draw from: one stream of randomness for everything in one request. */
export class Source {
  readonly random: Random
  #now: bigint

  constructor(seed: number) {
    this.random = createRandom(seed, 'wire')
    this.#now = START_NS + BigInt(seed) * 1_000_000_000n
  }
  n(below: number): number {
    return this.random.whole(0, below - 1)
  }
  of<T>(list: readonly T[]): T {
    return list[this.n(list.length)] as T
  }
  id(bytes: number): Buffer {
    return Buffer.from(Array.from({ length: bytes }, (_, i) => (i === 0 ? 1 + this.n(255) : this.n(256))))
  }
  text(characters: number): string {
    return TEXT(this.random, characters)
  }
  hex(bytes: number): string {
    return this.id(bytes).toString('hex')
  }
  chance(share: number): boolean {
    return this.random.uniform() < share
  }
  tick(): bigint {
    this.#now += 1_000_000n
    return this.#now
  }
}
