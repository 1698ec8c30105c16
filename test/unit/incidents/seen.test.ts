/** What a replica says happened, from what another one wrote. */
import { describe, expect, test } from 'vitest'
import { acknowledged, mitigated, noted, resolved } from '../../../incidents/commands.ts'
import { applyAlerts, applyTime } from '../../../incidents/lifecycle.ts'
import { changesBetween } from '../../../incidents/seen.ts'
import { type IncidentState, NO_INCIDENTS } from '../../../incidents/state.ts'
import type { Incident } from '../../../model/incident.ts'
import { at, settings, told } from './support.ts'

/** As it comes back from a database: equal, and never the same object. */
function again(state: IncidentState): IncidentState {
  return { incidents: new Map(JSON.parse(JSON.stringify([...state.incidents])) as [string, Incident][]) }
}
const one = applyAlerts(NO_INCIDENTS, [told('A', 0)], at(1), settings()).state
const [id = ''] = one.incidents.keys()
const changed = (change: (i: Incident) => Incident, from = one): IncidentState => ({
  incidents: new Map([...from.incidents].map(([k, i]) => [k, change(i)])),
})
const seen = (before: IncidentState, after: IncidentState): readonly string[] =>
  changesBetween(before, again(after)).map((c) => `${c.incident.id} ${c.why}`)

describe('of one incident', () => {
  const resolvedState = changed((i) => resolved(i, 'ana', 'over', at(2)))
  const cases: readonly (readonly [name: string, before: IncidentState, after: IncidentState, why: string | undefined])[] = [
    ['nothing', one, one, undefined],
    ['that it was opened', NO_INCIDENTS, one, 'opened'],
    ['that somebody has it', one, changed((i) => acknowledged(i, 'ana', at(2))), 'acknowledged'],
    ['that it is mitigated', one, changed((i) => mitigated(i, 'ana', 'well again', at(2))), 'mitigated'],
    ['that it is resolved', one, resolvedState, 'resolved'],
    ['that it was opened again', resolvedState, one, 'reopened'],
    ['that another alert fires', one, applyAlerts(one, [told('B', 1)], at(2), settings()).state, 'alert_fired'],
    [
      'that its alert has ended',
      one,
      applyAlerts(one, [told('A', 0, { endMinute: 2, status: 'resolved' })], at(2), settings()).state,
      'alert_resolved',
    ],
    ['that something was noted', one, changed((i) => noted(i, { atMs: at(2), kind: 'note', text: 'x' })), 'updated'],
    ['that its blast radius was counted', one, changed((i) => ({ ...i, blast: { sinceMs: 1, runs: 5, users: 'unknown' } })), 'refreshed'],
    ['that a change was found', one, changed((i) => noted(i, { atMs: at(-1), kind: 'change', text: 'x', ref: 'y' })), 'refreshed'],
  ]
  for (const [name, before, after, why] of cases)
    test(name, () => expect(seen(before, after)).toEqual(why === undefined ? [] : [`${id} ${why}`]))
})

test('a step says the same where it is made and where it is seen', () => {
  const steps = [
    applyAlerts(NO_INCIDENTS, [told('A', 0), told('A', 0, { labels: { agent: 'other' } })], at(1), settings()),
    applyAlerts(one, [told('A', 0, { endMinute: 2, status: 'resolved' })], at(2), settings()),
  ] as const
  expect(changesBetween(NO_INCIDENTS, again(steps[0].state)).map((c) => c.why)).toEqual(steps[0].changed.map((c) => c.why))
  expect(changesBetween(one, again(steps[1].state)).map((c) => c.why)).toEqual(steps[1].changed.map((c) => c.why))
  const over = applyTime(steps[1].state, at(60), settings())
  expect(changesBetween(steps[1].state, again(over.state)).map((c) => c.why)).toEqual(['resolved'])
})

test('one that was forgotten is not spoken of', () => expect(seen(one, NO_INCIDENTS)).toEqual([]))
