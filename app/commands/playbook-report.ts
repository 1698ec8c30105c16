/** A backtest as people and programs read it: a row per incident and playbook that was about it, then the sums of each playbook. */
import { HINDSIGHTS } from '../../incidents/hindsight.ts'
import type { Playbook } from '../../incidents/playbooks.ts'
import { countText, durationText, timeText } from '../../incidents/words.ts'
import type { Tested } from '../backtest/backtest.ts'

export interface BacktestResult {
  readonly fromMs: number
  readonly nowMs: number
  readonly incidents: number
  readonly leftOut: number
  readonly playbooks: readonly Playbook[]
  readonly tested: readonly Tested[]
}

/** What the past does not tell, and how it is taken. */
const ASSUMED = [
  'every playbook is taken as if its mode were auto, and tested alone',
  'versions of the prompt are taken for releases: the one in use for the active one, the one with most runs before it began for the one to go back to',
  'of an agent that was acted on then, the runs are those after that action: what would have happened without it nobody knows',
] as const

const WOULD: Readonly<Record<Tested['would'], string>> = { act: 'acts', wait: 'waits', not_apply: 'not about it' }

export function backtestText(r: BacktestResult): string {
  const span = `${timeText(r.fromMs)} to ${timeText(r.nowMs)}`
  if (r.incidents === 0) return `no incident of any agent from ${span}: Prometheus has no alert that fired (ALERTS)\n`
  const lines = [`${countText(r.incidents, 'incident')} from ${span}${r.leftOut === 0 ? '' : `; ${r.leftOut} older ones are left out`}`, '']
  for (const [incident, rows] of Map.groupBy(r.tested, (t) => t.incident)) {
    lines.push(`${timeText(incident.startedMs)}  ${incident.title}`)
    for (const t of rows) {
      const after = t.would === 'act' ? ` after ${durationText(t.atMs - incident.startedMs)}` : ''
      lines.push(`  ${t.playbook}: ${WOULD[t.would]}${after}: ${t.text}`)
      if (t.hindsight !== undefined) lines.push(`    ${t.hindsight.verdict}: ${t.hindsight.text}`)
    }
  }
  lines.push('')
  for (const p of r.playbooks) lines.push(sumText(p, r.tested))
  return `${[...lines, '', ...ASSUMED.map((a) => `assumed: ${a}`)].join('\n')}\n`
}

function sumText({ name, mode }: Playbook, tested: readonly Tested[]): string {
  const own = tested.filter((t) => t.playbook === name)
  const acts = own.filter((t) => t.would === 'act')
  const verdicts = HINDSIGHTS.flatMap((v) => {
    const n = acts.filter((t) => t.hindsight?.verdict === v).length
    return n === 0 ? [] : [`${n} ${v}`]
  })
  return `${name} (${mode}): would have acted in ${acts.length} of ${countText(own.length, 'incident')}${verdicts.length === 0 ? '' : `: ${verdicts.join(', ')}`}`
}

export function backtestJson(r: BacktestResult): object {
  return {
    from: iso(r.fromMs),
    to: iso(r.nowMs),
    incidents: r.incidents,
    left_out: r.leftOut,
    assumed: ASSUMED,
    playbooks: r.playbooks.map(({ name, mode }) => {
      const own = r.tested.filter((t) => t.playbook === name)
      const verdicts = HINDSIGHTS.map((v) => [v, own.filter((t) => t.hindsight?.verdict === v).length] as const)
      return { name, mode, incidents: own.length, acts: own.filter((t) => t.would === 'act').length, ...Object.fromEntries(verdicts) }
    }),
    tested: r.tested.map(({ incident, playbook, would, atMs, text, hindsight }) => ({
      agent: incident.agent,
      environment: incident.environment,
      title: incident.title,
      alerts: [...new Set(incident.alerts.map((a) => a.name))],
      started_at: iso(incident.startedMs),
      playbook,
      would,
      at: iso(atMs),
      text,
      ...(hindsight === undefined ? {} : { hindsight }),
    })),
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
