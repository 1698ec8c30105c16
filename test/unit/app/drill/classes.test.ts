/** The classes as a whole: what the drills promise to cover, and that each can be run as it is written. */
import { stringify } from 'yaml'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../../app/config.ts'
import { DRILLS } from '../../../../app/drill/classes/index.ts'
import { HEALTHY, type PromptName, PROMPTS, type Conditions } from '../../../../app/drill/conditions.ts'
import { drillConfig } from '../../../../app/drill/drill-config.ts'
import { agentOf, type DrillWorld } from '../../../../app/drill/drill-class.ts'

test('what is covered', () =>
  expect(DRILLS.map((d) => d.name)).toEqual([
    'prompt-regression',
    'tool-failing',
    'tool-empty',
    'tool-schema',
    'model-announced',
    'model-unannounced',
    'input-drift',
    'refusal-spike',
    'truncation',
    'loop',
    'cost-runaway',
    'silent-agent',
    'rollback-rehearsal',
    'fallback-rehearsal',
    'overlapping',
  ]))

test('the configuration they run in is one, and every agent is in it', () => {
  const loaded = parseConfig(stringify(drillConfig(DRILLS, '/tmp/x')), 'drill.yaml', {})
  expect(loaded.ok ? Object.keys(loaded.config.agents) : loaded.problems).toEqual(DRILLS.map(agentOf))
})

interface Done {
  conditions: Conditions
  prompt: PromptName
}

function world(agent: string): { readonly world: DrillWorld; readonly done: Done } {
  const done: Done = { conditions: HEALTHY, prompt: 'good' }
  const never = (): never => {
    throw new Error('not of this class')
  }
  return {
    done,
    world: {
      agent,
      environment: 'drill',
      change: (c) => void (done.conditions = { ...done.conditions, ...c }),
      release: (_, prompt) => Promise.resolve(void (done.prompt = prompt)),
      rollback: never,
      disable: never,
      enable: never,
      runsSince: never,
      countedSince: never,
      wait: () => Promise.resolve(),
      now: () => 0,
    },
  }
}

describe('what is injected is something, and what is repaired is nothing', () => {
  for (const drill of DRILLS)
    if (drill.kind === 'incident')
      test(drill.name, async () => {
        const { world: w, done } = world(agentOf(drill))
        await drill.inject(w)
        expect(PROMPTS[done.prompt] !== PROMPTS.good || JSON.stringify(done.conditions) !== JSON.stringify(HEALTHY)).toBe(true)
        await drill.repair(w)
        expect(done.prompt).toBe('good')
        // Shares may be a little lower than the usual noise, never higher.
        for (const [key, value] of Object.entries(done.conditions)) {
          const usual = HEALTHY[key as keyof Conditions]
          if (typeof value === 'number' && key !== 'runsPerSecond') expect(value).toBeLessThanOrEqual(Number(usual))
          else expect(value).toBe(usual)
        }
      })
})
