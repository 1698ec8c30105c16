/** What each process is given, where its journal is, and what is carried of counters from one start to the next. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseConfig } from '../../../app/config.ts'
import { checkLayout, noteLayout } from '../../../app/journal/layout.ts'
import { dropCarried, readCarried, writeCarried } from '../../../app/processes/carried.ts'
import { configOf, cores, processesOf } from '../../../app/processes/divide.ts'
import { SeenNews } from '../../../app/processes/seen.ts'
import { silentText, startingText } from '../../../app/processes/shards.ts'

/** As app/journal/snapshot.ts names them. */
const SNAPSHOT = 'snapshot-000000000000001.snap'
let dir: string
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'agentopz-places-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

describe('which processes are starting', () => {
  test.each([
    [[], ''],
    [[0], '1 of 2 processes is starting: process 0; senders are told to come back'],
    [[0, 1], '2 of 2 processes are starting: processes 0, 1; senders are told to come back'],
  ])('%j', (down, text) => expect(startingText(down, 2)).toBe(text))
})

describe('which processes do not answer', () => {
  test.each([
    [[], ''],
    [[1], '1 of 2 processes does not answer: process 1; senders are told to come back'],
    [[0, 1], '2 of 2 processes do not answer: processes 0, 1; senders are told to come back'],
  ])('%j', (silent, text) => expect(silentText(silent, 2)).toBe(text))
})

describe('the configuration of a process', () => {
  const loaded = parseConfig(
    "processes: 4\njournal: { dir: j, max_bytes: 1000 }\nrelay: [{ otlp_http: 'http://h:1', concurrency: 2 }]\n",
    'a.yaml',
    {},
  )
  test('has its share of what is bounded for all, and all of what is bounded for one', () => {
    if (!loaded.ok) throw new Error(loaded.problems.join())
    const of = configOf(loaded.config, 3, 4)
    expect(of.journal).toMatchObject({ dir: 'j/3', max_bytes: 250 })
    expect(of.runs).toMatchObject({ max_open: 50_000, max_spans_per_run: 50_000 })
    expect(of.limits).toMatchObject({ max_inflight_bytes: 2 ** 26, max_body_bytes: 2 ** 26, max_concurrent_requests: 64 })
    expect(of.relay).toMatchObject([{ concurrency: 1, max_queue_bytes: 2 ** 24 }])
  })
  test('can be handed to another process', () => {
    if (!loaded.ok) throw new Error(loaded.problems.join())
    expect(structuredClone(loaded.config)).toEqual(loaded.config)
  })
  test.each([
    ['200000 100000', 2],
    ['50000 100000', 1],
    ['9900000 100000', 99],
    ['max 100000', Number.POSITIVE_INFINITY],
  ])('with a quota of %s there are %d cores, or as many as there are', (quota, n) => {
    writeFileSync(join(dir, 'cpu.max'), `${quota}\n`)
    expect(cores(join(dir, 'cpu.max'))).toBe(Math.min(n, availableParallelism()))
  })
  test('auto is one for each core', () => expect([processesOf({ processes: 'auto' }), processesOf({ processes: 3 })]).toEqual([cores(), 3]))
})

describe('the journal of so many processes', () => {
  test('is new, or of the same number', () => {
    expect(checkLayout(join(dir, 'none'), 2)).toBeUndefined()
    expect(checkLayout(dir, 1)).toBeUndefined()
    noteLayout(dir, 2)
    expect(checkLayout(dir, 2)).toBe(2)
    expect(() => checkLayout(dir, 1)).toThrow(
      `the journal in ${dir} was written by 2 processes, and there are to be 1 now; set processes: 2, or begin a new journal with: mv ${dir} ${dir}.before`,
    )
  })
  test('is noted once, and a number that a kill cut off is that of the folders', () => {
    noteLayout(dir, 2)
    const file = join(dir, 'processes')
    utimesSync(file, 1000, 1000)
    noteLayout(dir, 2)
    expect(statSync(file).mtimeMs).toBe(1_000_000)
    // As an older version left it when it was killed.
    writeFileSync(file, '')
    expect(checkLayout(dir, 3)).toBeUndefined()
    for (const process of ['0', '1']) mkdirSync(join(dir, process))
    expect(checkLayout(dir, 2)).toBe(2)
    expect(() => checkLayout(dir, 3)).toThrow('was written by 2 processes')
    noteLayout(dir, 2)
    expect(readFileSync(file, 'utf8')).toBe('2\n')
  })
  test('that one process wrote is not that of several', () => {
    writeFileSync(join(dir, SNAPSHOT), '')
    expect(checkLayout(dir, 1)).toBe(1)
    expect(() => checkLayout(dir, 2)).toThrow('was written by 1 process, and there are to be 2 now; set processes: 1')
  })
})

describe('what is carried', () => {
  const series = [['agentopz_late_spans_total', 'a\0', 7, 1000, []]] as const
  test('is read as it was written, and replaced whole', () => {
    writeCarried(dir, [])
    expect(readCarried(dir)).toEqual([])
    writeCarried(dir, series)
    expect(readCarried(dir)).toEqual(series)
  })
  test('is unknown where it is damaged or gone: then counters begin again', () => {
    writeCarried(dir, series)
    writeFileSync(join(dir, 'carried'), '12345\n[["agentopz_late_spans_total","a",9,1000,[]]]')
    expect(readCarried(dir)).toBeUndefined()
    dropCarried(dir)
    expect(readCarried(dir)).toBeUndefined()
  })
})

test('who was seen is told once', () => {
  const news = new SeenNews()
  news.service({ agent: 'a', service: 's' })
  news.service({ agent: 'a', service: 's' })
  const seen = new Map([['a', new Set(['', 'prod'])]])
  expect(news.take(seen)).toEqual({
    agents: [
      ['a', ''],
      ['a', 'prod'],
    ],
    services: [{ agent: 'a', service: 's' }],
  })
  expect(news.take(seen)).toBeUndefined()
})
