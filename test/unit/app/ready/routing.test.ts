/** Routes as Alertmanager walks them; test/integration/readiness.test.ts asks amtool whether it agrees. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Labels, matcher, readRoutes } from '../../../../app/ready/routing.ts'

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../../../alert-rules/alertmanager.example.yml'), 'utf8')
const to = (yaml: string, labels: Labels): readonly string[] =>
  readRoutes(yaml)
    .destinations(labels)
    .map((d) => d.receiver)
const receivers = (...names: readonly string[]): string => `receivers: [${names.map((n) => `{ name: ${n} }`).join(', ')}]\n`

describe('the shipped example', () => {
  test.each([
    [{ severity: 'critical', team: 'support' }, ['agentopz', 'pager-support']],
    [{ severity: 'critical', team: 'unheard-of' }, ['agentopz', 'pager']],
    [{ severity: 'warning', team: 'shop' }, ['agentopz', 'tickets-shop']],
    [{ severity: 'sev-1' }, ['agentopz', 'pager']],
    [{ severity: 'none' }, ['nobody']],
    [{ severity: 'critical', drill: 'true' }, ['agentopz']],
  ] as const)('%j goes to %j', (labels, wanted) => expect(to(EXAMPLE, labels)).toEqual(wanted))
  test('tells what receivers hold, and when', () => {
    const [ours, tickets] = readRoutes(EXAMPLE).destinations({ severity: 'warning', team: 'shop' })
    expect(ours).toMatchObject({ receiver: 'agentopz', integrations: ['webhook'] })
    expect(tickets).toMatchObject({ receiver: 'tickets-shop', onlyIn: ['business-hours'], neverIn: [] })
  })
})

describe('routes', () => {
  test('a child without a receiver has that of its parent', () =>
    expect(to(`route: { receiver: a, routes: [{ matchers: ['x="1"'] }] }\n${receivers('a')}`, { x: '1' })).toEqual(['a']))
  test('without continue the first child takes it', () =>
    expect(to(`route: { receiver: a, routes: [{ receiver: b }, { receiver: c }] }\n${receivers('a', 'b', 'c')}`, {})).toEqual(['b']))
  test('with continue all of them do, each once', () =>
    expect(
      to(`route: { receiver: a, routes: [{ receiver: b, continue: true }, { receiver: c }] }\n${receivers('a', 'b', 'c')}`, {}),
    ).toEqual(['b', 'c']))
  test('the old match and match_re are read', () => {
    const yaml = `route: { receiver: a, routes: [{ receiver: b, match: { x: 1 } }, { receiver: c, match_re: { y: 'p|q' } }] }\n${receivers('a', 'b', 'c')}`
    expect([to(yaml, { x: '1' }), to(yaml, { y: 'q' }), to(yaml, { y: 'pq' }), to(yaml, {})]).toEqual([['b'], ['c'], ['a'], ['a']])
  })
  test('a receiver that is not there has nothing', () =>
    expect(readRoutes(`route: { receiver: a }\nreceivers: []`).destinations({})).toMatchObject([{ receiver: 'a', integrations: [] }]))
  test.each([
    ['no YAML of ours', 'hello'],
    ['no route', receivers('a')],
    ['a matcher of another form', `route: { receiver: a, routes: [{ matchers: ['x ? 1'] }] }\n${receivers('a')}`],
    ['an expression that is none', `route: { receiver: a, routes: [{ matchers: ['x=~"("'] }] }\n${receivers('a')}`],
  ])('%s throws', (_, yaml) => expect(() => readRoutes(yaml)).toThrow())
})

describe('matchers', () => {
  const matches = (text: string, labels: Labels): boolean =>
    to(`route: { receiver: a, routes: [{ receiver: b, matchers: [${JSON.stringify(text)}] }] }\n${receivers('a', 'b')}`, labels)[0] === 'b'
  test.each([
    ['severity=critical', { severity: 'critical' }, true],
    [' severity = "critical" ', { severity: 'critical' }, true],
    ['{severity="critical",team=~"a|b"}', { severity: 'critical', team: 'b' }, true],
    ['{severity="critical",team=~"a|b"}', { severity: 'critical', team: 'ab' }, false],
    ['team!=""', {}, false],
    ['team=""', {}, true],
    ['constructor=""', {}, true],
    ['toString=~".+"', {}, false],
    ['team!~"a.*"', { team: 'abc' }, false],
    ['team=~"(?i)A"', { team: 'a' }, true],
    [String.raw`team="a\"b\\c\nd"`, { team: 'a"b\\c\nd' }, true],
    ['"my label"="x"', { 'my label': 'x' }, true],
    [String.raw`team=~"a\\-b"`, { team: 'a-b' }, true],
  ] as const)('%s over %j: %s', (text, labels, is) => expect(matches(text, labels)).toBe(is))
  test('of silences', () => {
    expect(matcher('a', '!=', 'x')({})).toBe(true)
    expect(matcher('a', '!~', 'x|y')({ a: 'y' })).toBe(false)
  })
})
