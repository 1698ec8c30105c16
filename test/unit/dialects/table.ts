/**
 * Table runner of the framework dialects' tests: a sentence per case, the span or log as emitted, and what it must read as.
 * `reads` is compared whole, so an invented field fails; `has` compares the fields named, `lacks` names fields that must be absent.
 */
import { describe, expect, test } from 'vitest'
import type { Reading } from '../../../model/run.ts'
import { DIALECTS } from '../../../processor/dialects/index.ts'
import type { Dialect, LogReading } from '../../../processor/dialects/dialect.ts'
import { log, type LogSketch, span, type SpanSketch } from './view.ts'

/** Matches what `shortHash` gives. */
export const HASH = expect.stringMatching(/^[0-9a-f]{8}$/) as string

export interface SpanCase {
  readonly name: string
  readonly span: SpanSketch
  readonly reads?: Reading
  readonly has?: Partial<Reading>
  readonly lacks?: readonly (keyof Reading)[]
  /** True: a span of this dialect that only shapes the tree. */
  readonly nothing?: boolean
}

export interface LogCase {
  readonly name: string
  readonly log: LogSketch
  readonly reads: LogReading | undefined
}

export function dialectTable(dialect: Dialect, spans: readonly SpanCase[], logs: readonly LogCase[] = []): void {
  describe(dialect.name, () => {
    for (const c of spans) {
      test(c.name, () => {
        const seen = span(dialect, c.span)
        expect(dialect.recognises(seen), 'recognised').toBe(true)
        const reading = dialect.read(seen)
        if (c.nothing === true) expect(reading).toBeUndefined()
        if (c.reads !== undefined) expect(reading).toEqual(c.reads)
        if (c.has !== undefined) expect(reading).toMatchObject(c.has)
        for (const key of c.lacks ?? []) expect(reading?.[key], `no ${key}`).toBeUndefined()
      })
    }
    for (const c of logs) test(c.name, () => expect(dialect.readLog?.(log(dialect, c.log))).toEqual(c.reads))

    test('leaves a plain span and the standard conventions to others', () => {
      expect(dialect.recognises(span(dialect, { name: 'GET /', scope: 'http', attributes: { 'http.request.method': 'GET' } }))).toBe(false)
      const standard = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'gpt-5-mini' }
      expect(dialect.recognises(span(dialect, { name: 'chat gpt-5-mini', scope: 'my.app', attributes: standard }))).toBe(false)
    })

    test('unusable values of every declared key give no exception and no token', () => {
      for (const junk of ['', '{"cut off', '[', -1, Number.NaN, true, [], {}, '"', 'null']) {
        for (const c of spans) {
          const attributes = Object.fromEntries(Object.keys(c.span.attributes ?? {}).map((k) => [k, junk]))
          const events = (c.span.events ?? []).map((e) => ({
            name: e.name,
            attributes: Object.fromEntries(Object.keys(e.attributes ?? {}).map((k) => [k, junk])),
          }))
          const reading = dialect.read(span(dialect, { ...c.span, attributes, events }))
          expect(Object.values(reading?.usage ?? {}).filter((v) => typeof v === 'number')).toEqual([])
        }
      }
    })

    test('declares no key twice', () => expect(new Set(dialect.keys).size).toBe(dialect.keys.length))
    test('has a snake_case name no other dialect has', () => {
      expect(dialect.name).toMatch(/^[a-z][a-z0-9_]*$/)
      expect(DIALECTS.filter((d) => d.name === dialect.name && d !== dialect)).toEqual([])
    })
  })
}
