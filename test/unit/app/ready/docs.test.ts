/** docs/readiness.md says what the code does: checks, weights, states, the numbers of the table, keys and their defaults. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { smallestRise } from '../../../../app/baseline/detectable.ts'
import { configSchema } from '../../../../app/config-schema.ts'
import { READINESS_CHECKS } from '../../../../app/ready/checks/index.ts'
import { EFFECTS } from '../../../../model/thresholds.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/readiness.md'), 'utf8')
/** Cells of every row of the table under a heading cell. */
function rows(heading: string): readonly (readonly string[])[] {
  const lines = page.split('\n')
  const from = lines.findIndex((l) => l.startsWith(`| ${heading} |`))
  const to = lines.findIndex((l, i) => i > from && !l.startsWith('|'))
  return lines.slice(from + 2, to).map((l) =>
    l
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}
const points = (perHour: number, horizon: '2h' | '1d'): number => {
  const normal = { share: 0.05, events: perHour * 168, bad: 0, dispersion1h: 1, dispersion6h: 1, kept: [], leftOut: [] }
  return Math.ceil((smallestRise(perHour, normal, EFFECTS.quality)[horizon].nineInTen ?? Number.NaN) * 100)
}

test('has every check with its weight, in order', () =>
  expect(rows('check').map(([name, weight]) => [name, weight])).toEqual(READINESS_CHECKS.map((c) => [`\`${c.name}\``, String(c.weight)])))

describe('rates', () => {
  const table = rows('rated runs in a usual hour')
  test('are some', () => expect(table.length).toBeGreaterThan(5))
  test.each(table)('%s an hour: %s within 2 hours, %s within a day', (rate, soon, late) =>
    expect([Number.parseInt(soon ?? '', 10), Number.parseInt(late ?? '', 10)]).toEqual([
      points(Number(rate), '2h'),
      points(Number(rate), '1d'),
    ]),
  )
  test('of 65 is what the default asks for', () => {
    const { smallest_drop } = configSchema.parse({}).readiness
    expect(page).toContain(`is ${smallest_drop * 100} points unless you set it, which takes some 65 rated runs an hour`)
    expect([points(65, '2h') <= smallest_drop * 100, points(60, '2h') <= smallest_drop * 100]).toEqual([true, false])
  })
})

test('says how often it looks', () => {
  expect(configSchema.parse({}).readiness.check_every).toBe(300)
  expect(page).toContain('every `readiness.check_every` (5 minutes)')
})
