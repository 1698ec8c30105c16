/** A fleet and a rule set → the alerts that would have fired in the test period: plan, backfill, evaluate, on a Prometheus of its own. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { RuleGroup } from '../../alert-rules/rules.ts'
import { backfill, linkBlocks, seconds } from './backfill.ts'
import { evaluateAlerts, type FiredAlert } from './evaluate.ts'
import type { FleetData } from './fleet-data.ts'
import { Prometheus } from './prometheus.ts'
import { planRules } from './rule-plan.ts'

export interface AlertRun {
  readonly width: number
  readonly progress: (message: string) => void
  /** Recorded names wanted for themselves, and what to do with them while Prometheus still runs. */
  readonly alsoRecord?: readonly string[]
  readonly inspect?: (prometheus: Prometheus) => Promise<void>
}

export async function alertsOf(
  data: Pick<FleetData, 'dir' | 'raw' | 'kept' | 'period'>,
  groups: readonly RuleGroup[],
  o: AlertRun,
): Promise<FiredAlert[]> {
  const plan = planRules(groups, data.period, o.alsoRecord)
  const tsdb = join(data.dir, `tsdb-${process.pid}`, 'data')
  mkdirSync(tsdb, { recursive: true })
  const prometheus = new Prometheus(tsdb)
  try {
    linkBlocks(data.raw, tsdb)
    await backfill(plan.recorded, { prometheus, tsdb, kept: join(data.kept, 'recorded'), width: o.width, progress: o.progress })
    const began = performance.now()
    const { start, end } = data.period
    const fired = await evaluateAlerts(plan.alerts, { prometheus, kept: join(data.kept, 'alerts'), start, end, width: o.width })
    o.progress(`${plan.alerts.length} alert rules evaluated in ${seconds(began)}: ${fired.length} firings`)
    await o.inspect?.(prometheus)
    return fired
  } finally {
    await prometheus.stop()
    rmSync(join(data.dir, `tsdb-${process.pid}`), { recursive: true, force: true })
  }
}
