/** How the demo tells of an incident: each thing once, with commands that can be typed. */
import { expect, test } from 'vitest'
import { IncidentTeller } from '../../../app/commands/demo-incidents.ts'
import { acknowledged, mitigated, noted } from '../../../incidents/commands.ts'
import { applyAlerts } from '../../../incidents/lifecycle.ts'
import { NO_INCIDENTS } from '../../../incidents/state.ts'
import type { Incident, Triage } from '../../../model/incident.ts'
import { at, settings, told } from '../incidents/support.ts'

const opened = [...applyAlerts(NO_INCIDENTS, [told('AgentTruncationSpike', 0)], at(1), settings()).state.incidents.values()][0]!
const triage: Triage = {
  atMs: at(2),
  sli: 'truncation',
  summary: 'prompt version 8 is the cause',
  findings: [{ cause: 'prompt', verdict: 'cause', confidence: 'high', subject: '8', text: '44 % against 0 %', query: 'q' }],
  gaps: [],
}

test('opened, triaged, acted on, mitigated: each once', () => {
  const teller = new IncidentTeller('http://127.0.0.1:9464')
  const lines = (i: Incident, why: Parameters<IncidentTeller['lines']>[1] = 'updated'): readonly string[] => teller.lines(i, why).flat()
  expect(lines(opened, 'opened')).toEqual([
    'INCIDENT inc_1 is opened: support in prod: answers are cut off',
    '  all of it     npm run -s agentopz -- incident show inc_1 --url http://127.0.0.1:9464',
    '  its review    npm run -s agentopz -- incident review inc_1 --url http://127.0.0.1:9464',
  ])
  expect(lines(opened, 'refreshed')).toEqual([])
  const named = { ...opened, triage }
  expect(lines(named)).toEqual(['triage of inc_1, 1 min after it was opened: prompt version 8 is the cause', '  cause: 44 % against 0 %'])
  expect(lines({ ...named, triage: { ...triage, atMs: at(9) } })).toEqual([])
  const acted = noted(named, { atMs: at(3), kind: 'action', text: 'rolled back to release 7', actor: 'playbook:rollback' })
  expect(lines(acted)).toEqual(['inc_1 action: rolled back to release 7 (playbook:rollback)'])
  const over = mitigated(acknowledged(acted, 'ana', at(4)), 'playbook:rollback', 'well again', at(5))
  expect(lines(over, 'mitigated')).toEqual(['inc_1 mitigated: well again (playbook:rollback)'])
})
test('one that was there before is told as it is', () => {
  expect(new IncidentTeller('http://x').lines({ ...opened, state: 'resolved' }, 'alert_resolved')[0]?.[0]).toBe(
    'INCIDENT inc_1 is resolved: support in prod: answers are cut off',
  )
})
