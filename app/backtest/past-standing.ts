/**
 * What stood about an agent at a time in the past, as far as Prometheus knows it: controls in force, and versions of the prompt in the place of
 * releases. Which of them were releases, and which one a rollback would have gone to, nobody recorded: the one in use is taken for the active one,
 * and the one that had most runs before it began for the one to go back to.
 */
import type { Standing } from '../../incidents/actions/action.ts'
import { valueOf } from '../../incidents/actions/action.ts'
import type { CohortFact, TriageFacts } from '../../incidents/facts.ts'
import { type Control, CONTROL_KINDS, type ControlKind } from '../../model/control.ts'
import type { Triage } from '../../model/incident.ts'
import { type Prometheus, quoted, whole } from '../prometheus.ts'

export interface StandingThen {
  readonly agent: string
  readonly environment: string
  readonly atMs: number
  readonly facts: TriageFacts | undefined
  readonly triage: Triage | undefined
  readonly fallback: string | undefined
}

/** @throws PrometheusError */
export async function standingThen(prometheus: Prometheus, q: StandingThen): Promise<Standing> {
  return {
    controls: await controlsThen(prometheus, q),
    ...(q.fallback === undefined ? {} : { fallback: q.fallback }),
    ...(q.facts === undefined ? {} : versionsThen(q.facts.cohorts.prompt_version, q.triage)),
  }
}

async function controlsThen(prometheus: Prometheus, { agent, environment, atMs }: StandingThen): Promise<readonly Control[]> {
  const found = whole(await prometheus.instant(`agentopz_control{agent=~${quoted(`|${escaped(agent)}`)}}`, atMs / 1000), prometheus.url)
  return found.flatMap(({ labels }): readonly Control[] => {
    const { control = '', target = '', reason = '' } = labels
    const where = labels['environment'] ?? ''
    if (!isKind(control) || (where !== '' && where !== environment)) return []
    return [{ id: 'recorded', control, agent: labels['agent'] ?? '', target, environment: where, reason, actor: 'somebody', createdMs: 0 }]
  })
}

function versionsThen(cohorts: readonly CohortFact[], triage: Triage | undefined): Partial<Standing> {
  const versions = cohorts.filter((c) => c.value !== '')
  const most = (side: 'before' | 'after', among: readonly CohortFact[]): CohortFact | undefined =>
    among.toSorted((a, b) => b.runs[side] - a.runs[side])[0]
  const named = triage?.findings.find((f) => f.verdict === 'cause' && f.cause === 'prompt')
  const active = (named === undefined ? undefined : valueOf(named)) ?? most('after', versions)?.value
  if (active === undefined) return { activeRelease: null }
  const former = most(
    'before',
    versions.filter((c) => c.value !== active && c.runs.before >= 1),
  )
  const runs = former === undefined ? '' : `it had ${Math.round(former.runs.before)} runs in the day before it began`
  return {
    activeRelease: active,
    releases: versions.map((c) => c.value),
    rollbackTo:
      former === undefined ? { none: 'no other version had runs in the day before it began' } : { version: former.value, text: runs },
  }
}

function isKind(kind: string): kind is ControlKind {
  return (CONTROL_KINDS as readonly string[]).includes(kind)
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
