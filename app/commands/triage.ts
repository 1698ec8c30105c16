/** `agentopz triage AGENT`: which of the four causes moved, from Prometheus, for an alert or for any time. */
import type { TriageFacts } from '../../incidents/facts.ts'
import { triage } from '../../incidents/triage.ts'
import type { Finding, Triage } from '../../model/incident.ts'
import { type SliName, SLIS } from '../../model/slis.ts'
import { loadConfig } from '../config.ts'
import { nearest } from '../nearest.ts'
import { createPrometheus, type Prometheus, PrometheusError } from '../prometheus.ts'
import { gatherFacts } from '../triage/facts.ts'
import { runsElsewhere } from './runs-elsewhere.ts'
import { print, printError } from './output.ts'

export interface TriageOptions {
  readonly config?: string
  readonly environment?: string
  readonly sli: string
  readonly tool?: string
  readonly at?: string
  readonly prometheus?: string
  readonly timeout: number
  readonly json?: boolean
}

/** Runs the command; the exit code: 0 whatever the answer is, 1 when Prometheus cannot be asked or has no runs of the agent, 2 for wrong options. */
export async function triageCommand(agent: string, o: TriageOptions): Promise<number> {
  const known = Object.keys(SLIS)
  if (!known.includes(o.sli)) {
    const [near] = nearest(o.sli, known)
    printError(`agentopz: there is no SLI "${o.sli}"; write ${near === undefined ? `one of ${known.join(', ')}` : near}\n`)
    return 2
  }
  const nowMs = Date.now()
  const startedMs = o.at === undefined ? nowMs - 600_000 : Date.parse(o.at)
  if (!Number.isFinite(startedMs) || startedMs > nowMs) {
    printError(`agentopz: --at "${o.at ?? ''}" is no time in the past; write one like ${new Date(nowMs - 3_600_000).toISOString()}\n`)
    return 2
  }
  const loaded = loadConfig(o.config, process.env)
  if (!loaded.ok) {
    printError(`${loaded.problems.join('\n')}\n`)
    return 2
  }
  const prometheus = createPrometheus(o.prometheus ?? loaded.config.prometheus, { timeoutMs: o.timeout * 1000 })
  try {
    const facts = await gatherFacts(prometheus, {
      agent,
      environment: o.environment ?? '',
      sli: o.sli as SliName,
      ...(o.tool === undefined ? {} : { tool: o.tool }),
      startedMs,
      nowMs,
    })
    const why = facts.series.some((i) => i.total > 0) ? undefined : await withoutRuns(prometheus, facts)
    if (why !== undefined) {
      printError(`agentopz: ${why}\n`)
      return 1
    }
    const found = triage(facts, nowMs)
    print(o.json === true ? `${JSON.stringify(found, null, 2)}\n` : triageText(agent, found))
    return 0
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error
    printError(`agentopz: ${error.message}\n`)
    return 1
  }
}

/** Why nothing was found, where that is for want of runs; what Prometheus does not tell is no reason to keep the rest back. */
async function withoutRuns(prometheus: Prometheus, facts: TriageFacts): Promise<string | undefined> {
  const { agent, environment, beforeFromMs: fromMs, nowMs: toMs } = facts
  try {
    return await runsElsewhere(prometheus, { agent, environment, fromMs, toMs })
  } catch (error) {
    if (error instanceof PrometheusError) return undefined
    throw error
  }
}

const MARK: Readonly<Record<Finding['verdict'], string>> = {
  cause: 'CAUSE',
  cannot_tell: 'cannot tell',
  ruled_out: 'ruled out',
  unchanged: 'unchanged',
}

/** The answer as a person reads it: the sentence, the findings, the queries behind those that matter. */
export function triageText(agent: string, t: Triage): string {
  const lines = [`${agent}, ${t.sli}: ${t.summary}`, '']
  for (const f of t.findings) {
    lines.push(`  ${MARK[f.verdict].padEnd(12)} ${f.cause.padEnd(7)} ${f.text}`)
    const c = f.comparison
    if (c !== undefined && f.verdict !== 'unchanged') {
      const [low, high] = c.interval.map((v) => `${(v * 100).toFixed(0)}`)
      lines.push(
        `${' '.repeat(23)}difference ${(c.difference * 100).toFixed(0)} points (${low ?? ''} to ${high ?? ''}), p ${c.p.toPrecision(2)}`,
      )
    }
    if (f.verdict === 'cause' && f.query !== '') lines.push(`${' '.repeat(23)}${f.query}`)
  }
  for (const gap of t.gaps) lines.push(`  missing      ${gap}`)
  return `${lines.join('\n')}\n`
}
