/** Mistakes in `playbooks`, each with what it says; what is left out; and the playbooks that hold where nothing is configured. */
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../app/config.ts'
import { playbooksOf } from '../../../app/response/playbook-schema.ts'
import type { Playbook } from '../../../incidents/playbooks.ts'

function problems(yaml: string): readonly string[] {
  const loaded = parseConfig(yaml, 'a.yaml', {})
  return loaded.ok ? [] : loaded.problems
}
function playbooks(yaml: string): readonly Playbook[] {
  const loaded = parseConfig(yaml, 'a.yaml', {})
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  return playbooksOf(loaded.config.playbooks)
}
const one = (inside: string): string => `playbooks:\n  - { name: a, when: { cause: prompt }, do: [rollback_release]${inside} }\n`

describe('a mistake', () => {
  for (const [name, yaml, said] of [
    [
      'an alert that is none',
      'playbooks: [{ name: a, when: { alerts: [AgentQualtyDrop] }, do: [stop_runs] }]',
      'there is no alert "AgentQualtyDrop"; did you mean AgentQualityDrop?',
    ],
    [
      'an action that is none',
      'playbooks: [{ name: a, when: { cause: prompt }, do: [rollback] }]',
      'playbooks.0.do.0: there is no action "rollback"; did you mean rollback_release?',
    ],
    [
      'an action with a key that is none',
      'playbooks: [{ name: a, when: { cause: tools }, do: [{ action: open_tool, tool: x }] }]',
      'playbooks.0.do.0.tool: no such key',
    ],
    [
      'no action',
      'playbooks: [{ name: a, when: { cause: prompt }, do: [] }]',
      'playbooks.0.do: write at least one action, such as rollback_release',
    ],
    [
      'a release that is not named',
      'playbooks: [{ name: a, when: { cause: prompt }, do: [activate_release] }]',
      'playbooks.0.do.0: activate_release names its release; write { action: activate_release, target: VERSION }',
    ],
    ['a cause that is none', 'playbooks: [{ name: a, when: { cause: promt }, do: [stop_runs] }]', 'playbooks.0.when.cause'],
    [
      'nothing that it is about',
      'playbooks: [{ name: a, do: [stop_runs] }]',
      'playbooks.0.when: it would be about every alert; write alerts: [AgentQualityDrop], or cause: prompt',
    ],
    ['a mode that is none', one(', mode: automatic'), 'playbooks.0.mode'],
    ['a condition that is none', one(', if: { min_run: 5 }'), 'playbooks.0.if.min_run: no such key; did you mean "min_runs"?'],
    ['a time to wait for that is none', one(', verify: { within: long }'), '"long" is no duration'],
    ['a time that is none', one(', if: { cool_down: soon }'), '"soon" is no duration'],
    [
      'a name that is no label',
      'playbooks: [{ name: "Roll back", when: { cause: prompt }, do: [stop_runs] }]',
      'playbooks.0.name: write up to 48 of a-z 0-9 -',
    ],
    [
      'a name twice',
      'playbooks: [{ name: a, when: { cause: prompt }, do: [stop_runs] }, { name: a, when: { cause: tools }, do: [stop_runs] }]',
      'playbooks.1.name: there is a playbook a already; give this one another name',
    ],
  ] as const)
    test(name, () => expect(problems(yaml).join('\n')).toContain(said))
})

describe('what is left out', () => {
  test('of one: it suggests, with 60 runs and an hour of rest', () => {
    expect(playbooks(one(''))[0]).toEqual({
      name: 'a',
      when: { cause: 'prompt', confidence: 'medium' },
      do: [{ kind: 'rollback_release' }],
      mode: 'suggest',
      if: { minRuns: 60, oneAtATime: true, coolDownMs: 3_600_000 },
      expiresMs: 14_400_000,
      verify: { runs: 50, withinMs: 14_400_000, otherwise: 'undo' },
    })
  })
  test('the cause: the alert is enough, and no runs are asked for', () => {
    expect(playbooks('playbooks: [{ name: a, when: { alerts: [AgentRunaway] }, do: [stop_runs] }]')[0]?.if.minRuns).toBe(0)
  })
  test('all: those that are shipped, and none of them acts', () => {
    const shipped = playbooks('')
    expect(shipped.map((p) => p.name)).toEqual([
      'roll-back-prompt',
      'roll-back-model',
      'open-failing-tool',
      'stop-runaway',
      'stop-spending',
    ])
    expect(new Set(shipped.map((p) => p.mode))).toEqual(new Set(['suggest']))
  })
  test('nothing: an empty list is none', () => expect(playbooks('playbooks: []')).toEqual([]))
})
