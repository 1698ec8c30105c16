/** Whether somebody said what this agent must achieve: a quality target of its own, and what a run may cost or take. */
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { type About, ok, type ReadinessCheck, weak } from '../check.ts'

export const objectives: ReadinessCheck = {
  name: 'objectives',
  weight: 5,
  look: (about) => Promise.resolve(judge(about)),
}

function judge({ agent, agentConfig, own }: About): ReadinessAnswer {
  const target = own?.quality?.target
  const sizes = (['cost_usd', 'steps', 'duration_seconds'] as const).filter((name) => agentConfig[name]?.per_run !== undefined)
  const advice = `measure what it can meet and write it down: agentopz baseline --agent ${JSON.stringify(agent)} --write`
  if (target === undefined)
    return weak(
      `only the default quality target (${agentConfig.quality?.target ?? 'none'}) applies, nobody said what this agent must achieve`,
      advice,
    )
  if (sizes.length === 0) return weak(`the quality target is ${target}, and nothing says what a run may cost or take`, advice)
  return ok(`the quality target is ${target}, with thresholds per run for ${sizes.join(', ')}`)
}
