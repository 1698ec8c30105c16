/**
 * The alerts by name: what each points at, how urgent it is, who it silences. The expressions are in alert-rules/; routes, inhibition,
 * runbooks, dashboards and the detection harness read this list, so none of them can miss one.
 */

/** `critical` pages somebody; `warning` is a ticket; `info` is shown; `none` only inhibits or proves that the chain works. */
export type Severity = 'critical' | 'warning' | 'info' | 'none'
/** Which of the causes of an agent incident the alert points at by itself; `unknown` needs the comparison of cohorts. */
export type Cause = 'prompt' | 'tools' | 'model' | 'input' | 'telemetry' | 'control' | 'unknown'
/** Alerts of one family tell of one symptom: a page of a family silences its tickets. */
export type Family =
  | 'quality'
  | 'outcome'
  | 'tools'
  | 'loop'
  | 'size'
  | 'spend'
  | 'open'
  | 'volume'
  | 'input'
  | 'accounting'
  | 'watcher'
  | 'control'

export interface AlertDefinition {
  readonly severity: Severity
  readonly family: Family
  readonly cause: Cause
  /** Labels of the alert besides agent, environment and team; empty for the watchers, which have no agent. */
  readonly labels: readonly string[]
  /** True when the alert is about the watching itself and carries no agent. */
  readonly watcher?: true
  /** Alerts about the same agent that are silenced while this one fires. */
  readonly inhibits?: readonly string[]
  /** One line for lists. */
  readonly title: string
}

const SYMPTOMS = ['AgentQualityDrop', 'AgentRunErrors', 'AgentStepsShift', 'AgentDurationShift', 'AgentCostShift'] as const
const TICKETS = ['AgentQualityDrift', 'AgentOutcomeDrift', 'AgentToolDegraded', 'AgentBehaviourChanged'] as const

export const ALERTS = {
  AgentQualityDrop: {
    severity: 'critical',
    family: 'quality',
    cause: 'unknown',
    labels: ['sli', 'evaluation'],
    inhibits: TICKETS,
    title: 'fewer runs pass than normal',
  },
  AgentVersionRegression: {
    severity: 'critical',
    family: 'quality',
    cause: 'prompt',
    labels: ['dimension', 'value'],
    inhibits: ['AgentQualityDrop', ...TICKETS],
    title: 'a new version is worse than the others',
  },
  AgentRunErrors: {
    severity: 'critical',
    family: 'outcome',
    cause: 'model',
    labels: ['sli'],
    inhibits: ['AgentQualityDrop', ...TICKETS],
    title: 'runs end in errors',
  },
  AgentRefusalSpike: {
    severity: 'critical',
    family: 'outcome',
    cause: 'model',
    labels: ['sli'],
    inhibits: ['AgentQualityDrop', ...TICKETS],
    title: 'the model refuses, or a filter cuts answers off',
  },
  AgentTruncationSpike: {
    severity: 'critical',
    family: 'outcome',
    cause: 'model',
    labels: ['sli'],
    inhibits: ['AgentQualityDrop', ...TICKETS],
    title: 'answers are cut off',
  },
  AgentEmptyAnswers: {
    severity: 'critical',
    family: 'outcome',
    cause: 'model',
    labels: ['sli'],
    inhibits: ['AgentQualityDrop', ...TICKETS],
    title: 'answers are empty',
  },
  AgentToolFailing: {
    severity: 'critical',
    family: 'tools',
    cause: 'tools',
    labels: ['sli', 'tool'],
    inhibits: [...SYMPTOMS, 'AgentLooping', ...TICKETS],
    title: 'a tool fails',
  },
  AgentToolEmpty: {
    severity: 'critical',
    family: 'tools',
    cause: 'tools',
    labels: ['sli', 'tool'],
    inhibits: [...SYMPTOMS, ...TICKETS],
    title: 'a tool returns nothing',
  },
  AgentLooping: {
    severity: 'critical',
    family: 'loop',
    cause: 'prompt',
    labels: ['sli'],
    inhibits: [...SYMPTOMS, ...TICKETS],
    title: 'runs repeat identical tool calls',
  },
  AgentStepsShift: {
    severity: 'critical',
    family: 'size',
    cause: 'prompt',
    labels: ['sli'],
    inhibits: ['AgentCostShift', 'AgentDurationShift', 'AgentBehaviourChanged'],
    title: 'runs take more steps',
  },
  AgentCostShift: {
    severity: 'critical',
    family: 'size',
    cause: 'model',
    labels: ['sli'],
    inhibits: ['AgentSpendSurge', 'AgentBehaviourChanged'],
    title: 'runs cost more',
  },
  AgentDurationShift: {
    severity: 'critical',
    family: 'size',
    cause: 'model',
    labels: ['sli'],
    inhibits: ['AgentBehaviourChanged'],
    title: 'runs take longer',
  },
  AgentSpendSurge: {
    severity: 'critical',
    family: 'spend',
    cause: 'input',
    labels: [],
    title: 'far more money is spent than at this time of the week',
  },
  AgentRunaway: {
    severity: 'critical',
    family: 'open',
    cause: 'prompt',
    labels: ['measure'],
    title: 'a run that is still open is far beyond all others',
  },
  AgentSilent: {
    severity: 'critical',
    family: 'volume',
    cause: 'input',
    labels: [],
    inhibits: ['AgentQualityDrop', 'AgentVolumeLow', 'AgentEvaluationStalled', ...TICKETS],
    title: 'no runs although there should be',
  },
  AgentVolumeSurge: {
    severity: 'critical',
    family: 'volume',
    cause: 'input',
    labels: [],
    inhibits: ['AgentSpendSurge'],
    title: 'far more runs than at this time of the week',
  },
  AgentVolumeDrop: {
    severity: 'critical',
    family: 'volume',
    cause: 'input',
    labels: [],
    inhibits: ['AgentVolumeLow'],
    title: 'runs have suddenly become far fewer',
  },
  AgentQualityDrift: {
    severity: 'warning',
    family: 'quality',
    cause: 'unknown',
    labels: ['sli', 'evaluation'],
    title: 'quality has been sinking for hours',
  },
  AgentOutcomeDrift: {
    severity: 'warning',
    family: 'outcome',
    cause: 'model',
    labels: ['sli'],
    title: 'more errors, refusals, cut-off or empty answers or loops for hours',
  },
  AgentToolDegraded: {
    severity: 'warning',
    family: 'tools',
    cause: 'tools',
    labels: ['sli', 'tool'],
    title: 'a tool has been worse for hours',
  },
  AgentBehaviourChanged: {
    severity: 'warning',
    family: 'size',
    cause: 'unknown',
    labels: ['sli'],
    title: 'runs are of another size or shape; says nothing about quality',
  },
  AgentInputDrift: { severity: 'warning', family: 'input', cause: 'input', labels: ['feature'], title: 'users send something else' },
  AgentVolumeLow: {
    severity: 'warning',
    family: 'volume',
    cause: 'input',
    labels: [],
    title: 'far fewer runs than at this time of the week',
  },
  AgentUnpricedSpend: {
    severity: 'warning',
    family: 'accounting',
    cause: 'telemetry',
    labels: ['model'],
    title: 'tokens without a known price',
  },
  AgentUsageConflicts: {
    severity: 'warning',
    family: 'accounting',
    cause: 'telemetry',
    labels: ['kind'],
    title: 'spans disagree about usage',
  },
  AgentObjectiveMissed: {
    severity: 'warning',
    family: 'quality',
    cause: 'unknown',
    labels: ['objective'],
    title: 'an objective is being missed',
  },
  AgentEvaluationStalled: {
    severity: 'warning',
    family: 'quality',
    cause: 'telemetry',
    labels: ['evaluation'],
    title: 'an evaluator no longer gives verdicts',
  },
  AgentReadinessDecayed: {
    severity: 'warning',
    family: 'control',
    cause: 'control',
    labels: ['check'],
    title: 'an incident would find less prepared than a week ago',
  },
  AgentDisabled: {
    severity: 'none',
    family: 'control',
    cause: 'control',
    labels: [],
    title: 'the agent is disabled by a control; its other alerts are silenced',
  },
  AgentDrill: { severity: 'none', family: 'control', cause: 'control', labels: [], title: 'a drill is running; its alerts page nobody' },
  AgentopzDown: {
    severity: 'critical',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['job', 'instance'],
    watcher: true,
    title: 'agentopz cannot be scraped',
  },
  AgentopzNoSamples: {
    severity: 'critical',
    family: 'watcher',
    cause: 'telemetry',
    labels: [],
    watcher: true,
    title: 'Prometheus has no samples of agentopz at all',
  },
  AgentopzNoSpans: {
    severity: 'critical',
    family: 'watcher',
    cause: 'telemetry',
    labels: [],
    watcher: true,
    title: 'no GenAI spans arrive from anywhere',
  },
  AgentopzRelayLosing: {
    severity: 'warning',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['endpoint', 'reason'],
    watcher: true,
    title: 'the relay loses requests',
  },
  AgentopzRejecting: {
    severity: 'warning',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['reason'],
    watcher: true,
    title: 'spans or requests are refused',
  },
  AgentopzUnknownDialect: {
    severity: 'warning',
    family: 'watcher',
    cause: 'telemetry',
    labels: [],
    watcher: true,
    title: 'GenAI spans of no known dialect arrive',
  },
  AgentopzBoundsHit: {
    severity: 'warning',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['bound'],
    watcher: true,
    title: 'a bound on runs or series is hit: numbers are folded',
  },
  AgentopzInternalErrors: {
    severity: 'warning',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['stage'],
    watcher: true,
    title: 'bugs in agentopz drop items',
  },
  AgentopzJournalFailing: {
    severity: 'critical',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['instance'],
    watcher: true,
    title: 'the journal cannot be written',
  },
  AgentopzJournalDamaged: {
    severity: 'warning',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['instance', 'kind'],
    watcher: true,
    title: 'the journal was damaged at the start',
  },
  AgentopzStorageDown: {
    severity: 'critical',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['instance'],
    watcher: true,
    title: 'storage does not answer: agents cannot be stopped or rolled back',
  },
  AgentopzProcessDown: {
    severity: 'critical',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['instance'],
    watcher: true,
    title: 'a process that shares the work is down, or ends again and again',
  },
  AgentopzCertificateExpires: {
    severity: 'warning',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['instance', 'certificate'],
    watcher: true,
    title: 'a certificate of agentopz expires soon',
  },
  AgentopzConfigRefused: {
    severity: 'warning',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['instance'],
    watcher: true,
    title: 'a configuration was refused; the old one is in use',
  },
  AgentopzRulesFailing: {
    severity: 'critical',
    family: 'watcher',
    cause: 'telemetry',
    labels: ['rule_group'],
    watcher: true,
    title: 'rules of agentopz fail or are late',
  },
  AgentopzWatchdog: {
    severity: 'none',
    family: 'watcher',
    cause: 'telemetry',
    labels: [],
    watcher: true,
    title: 'always fires: its absence means that alerts do not arrive',
  },
} as const satisfies Record<string, AlertDefinition>

export type AlertName = keyof typeof ALERTS
