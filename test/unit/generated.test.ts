/** What is generated is committed: the files equal what their generators write. `UPDATE=1` rewrites them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { dialectsReference, GENERATED_DOCS, metricsReference } from '../../app/generate-docs.ts'
import { METRICS } from '../../model/metrics.ts'
import { STANDARD_METRICS } from '../../model/metrics-standard.ts'
import type { Dialect } from '../../processor/dialects/dialect.ts'

const TOP = new URL('../../', import.meta.url)

test.each(Object.keys(GENERATED_DOCS))('%s is what the generator writes', (file) => {
  const text = GENERATED_DOCS[file]!()
  if (process.env['UPDATE'] === '1') writeFileSync(new URL(file, TOP), text)
  expect(readFileSync(new URL(file, TOP), 'utf8'), 'UPDATE=1 npm test rewrites it').toBe(text)
})

describe('docs/metrics.md', () => {
  test('has every metric once in a table', () => {
    const rows = [...metricsReference().matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] ?? '')
    expect([...rows].sort()).toEqual([...Object.keys(METRICS), ...Object.keys(STANDARD_METRICS)].sort())
  })
  test('every table row has five cells', () => {
    for (const row of metricsReference()
      .split('\n')
      .filter((l) => l.startsWith('| ')))
      expect(row.split(' | ')).toHaveLength(5)
  })
})

test('the dialect reference lists dialects in order of precedence, keys sorted and once', () => {
  const read = (): undefined => undefined
  const one: Dialect = {
    name: 'one',
    keys: ['b', 'a', 'b'],
    scopes: ['lib.*'],
    prefixes: ['llm.x.'],
    recognises: () => false,
    read,
    readLog: read,
  }
  const two: Dialect = { name: 'two', keys: ['c'], recognises: () => false, read }
  const text = dialectsReference([two, one])
  expect(text.split('\n').filter((l) => /^\| \d/.test(l))).toEqual([
    '| 1 | [`two`](#two) | any | no |',
    '| 2 | [`one`](#one) | `lib.*` | yes |',
  ])
  expect(text).toContain('## one\n\nReads `a` `b`.\n\nIndexed keys below: `llm.x.`.\n')
})
