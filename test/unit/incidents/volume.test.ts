/** What is said of incidents about how many runs there are: each fact in words, and nothing of what is not known. */
import { describe, expect, test } from 'vitest'
import { isAboutVolume, type VolumeFacts, volumeTriage } from '../../../incidents/volume.ts'
import { ALERTS, type AlertName } from '../../../model/alerts.ts'
import type { IncidentAlert } from '../../../model/incident.ts'

const NOW = Date.UTC(2026, 11, 1, 12)
const alert = (name: AlertName): IncidentAlert => ({
  fingerprint: 'a',
  name,
  severity: 'critical',
  family: ALERTS[name].family,
  labels: {},
  summary: '',
  startsMs: NOW,
  receivedMs: NOW,
})
const say = (facts: Partial<VolumeFacts>, name: AlertName = 'AgentSilent'): string =>
  volumeTriage({ alerts: [alert(name)] }, { others: { running: 0, quiet: [] }, ...facts }, NOW).summary
const WHY = 'cannot tell: only the number of runs changed, so there are no failing runs to compare.'
const ALONE = 'No other agent of this environment has runs often enough to tell whether it is alone.'

describe('an incident about the number of runs', () => {
  test.each([
    ['nothing is known', {}, `${WHY} ${ALONE}`],
    [
      'the last run, and the usual hour',
      { lastRunMs: NOW - 40 * 60_000, runs: 0.7, expected: 61.4 },
      `${WHY} The last run closed at 11:20 UTC. 1 run closed within the last hour, usual at this time of the week are 61. ${ALONE}`,
    ],
    ['no baseline', { runs: 12 }, `${WHY} 12 runs closed within the last hour. ${ALONE}`],
    [
      'the others run',
      { others: { running: 7, quiet: [] } },
      `${WHY} All 7 other agents of this environment have runs: look at this agent and at what calls it.`,
    ],
    [
      'the one other runs',
      { others: { running: 1, quiet: [] } },
      `${WHY} The one other agent of this environment has runs: look at this agent and at what calls it.`,
    ],
    [
      'some are quiet too',
      { others: { running: 7, quiet: ['a', 'b', 'c', 'd'] } },
      `${WHY} 4 of 7 other agents of this environment have none either (a, b, c and others): look first at what they share, and at the way of their spans (agentopz_spans_received_total).`,
    ],
  ] as const)('%s', (_, facts, says) => expect(say(facts)).toBe(says))
  test('of more runs than usual, others are not told of', () => expect(say({ runs: 90 }, 'AgentVolumeSurge')).not.toMatch(/other/))
  test('names no cause and no indicator', () =>
    expect(volumeTriage({ alerts: [] }, { others: { running: 0, quiet: [] } }, NOW)).toMatchObject({ sli: 'volume', findings: [] }))
  test('is known by its alerts', () =>
    expect((['AgentSilent', 'AgentVolumeDrop', 'AgentQualityDrop'] as const).map((n) => isAboutVolume({ alerts: [alert(n)] }))).toEqual([
      true,
      true,
      false,
    ]))
})
