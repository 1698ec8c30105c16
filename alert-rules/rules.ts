/**
 * All rule groups in one list: the files alert-rules/*.rules.yaml are written from it (`agentopz generate`), `up` and `demo` from the same
 * at another scale. A new alert is a row in model/alerts.ts and an entry in one of the alert files.
 */
import { changeAlerts } from './alerts-change.ts'
import { shiftAlerts } from './alerts-shift.ts'
import { volumeAlerts } from './alerts-volume.ts'
import { watchAlerts } from './alerts-watch.ts'
import { durations, type RuleGroup, type RuleOptions } from './promql.ts'
import { baselineGroups } from './recording-baseline.ts'
import { cohortGroups } from './recording-cohort.ts'
import { EVERY, sliGroups } from './recording-sli.ts'
import { volumeGroups } from './recording-volume.ts'

export type { AlertingRule, RecordingRule, RuleGroup, RuleOptions } from './promql.ts'

/** Recording rules: raw metrics → SLIs, baselines, expectations. */
export function recordingGroups(options: RuleOptions = {}): readonly RuleGroup[] {
  const d = durations(options.scale)
  return [...sliGroups(d), ...baselineGroups(d), ...volumeGroups(d), ...cohortGroups(d)]
}

/** Alerting rules, which read recorded series wherever a long window is needed. */
export function alertGroups(options: RuleOptions = {}): readonly RuleGroup[] {
  const d = durations(options.scale)
  const interval = d(EVERY)
  return [
    { name: 'agentopz-alerts', interval, rules: [...shiftAlerts(d, options), ...volumeAlerts(d, options), ...changeAlerts(d, options)] },
    { name: 'agentopz-watch', interval, rules: watchAlerts(d, options) },
  ]
}

/** Everything, in order of evaluation. */
export function ruleGroups(options: RuleOptions = {}): readonly RuleGroup[] {
  return [...recordingGroups(options), ...alertGroups(options)]
}

/** The generated files by name. */
export const RULE_FILES: Readonly<Record<string, (options?: RuleOptions) => readonly RuleGroup[]>> = {
  'recording.rules.yaml': recordingGroups,
  'alerts.rules.yaml': alertGroups,
}
