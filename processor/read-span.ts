/**
 * One span → what its trace keeps of it: a fact when its dialect reads something that counts, else only its place in the tree.
 * Strings of the resource are read once per span here; nothing of the view is kept.
 */
import { keyNumbers } from '../model/attribute-key.ts'
import { GUARDS } from '../model/control.ts'
import type { ExternalEvaluation, Fact, Reading } from '../model/run.ts'
import { AGENTOPZ, GEN_AI, GENERAL } from '../model/semconv.ts'
import type { Attributes, LogRecord, Scope, Span } from '../model/span.ts'
import { dialectOf, dialectsFrom, marksOf } from './dialects/index.ts'
import { GROUP } from './dialects/marks.ts'
import { type Draft, setMissing } from './dialects/reading.ts'
import { taken, wholeReading } from './dialects/whole.ts'
import { weightOf } from './runs/sampling.ts'
import type { HeldFact } from './runs/trace.ts'

export interface ReadSpan {
  /** Label of agentopz_spans_received_total; `unknown` looks like GenAI but is of no known dialect. */
  readonly dialect: string
  readonly fact: Fact | undefined
  /** Evaluations on this span that judge another one. */
  readonly evaluations: readonly ExternalEvaluation[]
}

const NONE: readonly ExternalEvaluation[] = []

/** Reads a span of interest through its dialect. */
export function readSpan(span: Span): ReadSpan {
  const source = sourceOf(span.resource)
  if (source.scope !== span.scope) {
    source.scope = span.scope
    source.dialects = dialectsFrom(span.scope, span.resource)
  }
  const marks = marksOf(span)
  const dialect = dialectOf(span, marks, source.dialects)
  if (dialect === undefined) return { dialect: 'unknown', fact: undefined, evaluations: NONE }
  const read = dialect.read(span)
  if (read === undefined) return { dialect: dialect.name, fact: undefined, evaluations: NONE }
  const reading = wholeReading(read)
  if ((marks & GROUP.ours) !== 0) addOurs(reading, span.attributes)
  const elsewhere = reading.evaluations === undefined ? NONE : reading.evaluations.filter((e) => e.target !== undefined)
  const fact = isOnlyShape(reading) ? undefined : factOf(span, dialect.name, reading, source.origin)
  return { dialect: dialect.name, fact, evaluations: elsewhere }
}

const K = keyNumbers(GEN_AI)
const OURS = keyNumbers(AGENTOPZ)

/** Adds what our instrumentation writes on spans of any dialect: guards, the release, hashes where there is no content. The dialect's word wins. */
function addOurs(reading: Draft<Reading>, a: Attributes): void {
  // From the wire, so held against the closed set before it becomes a label.
  const named = a.text(OURS.guard)
  const guard = named === undefined ? undefined : GUARDS.find((g) => g === named)
  setMissing(reading, 'stoppedBy', a.text(OURS.stoppedBy))
  if (guard !== undefined) setMissing(reading, 'intervention', { guard, cause: a.text(OURS.guardCause) ?? '' })
  if (reading.role === 'model' || reading.role === 'agent' || reading.role === 'workflow') {
    setMissing(reading, 'promptName', a.text(K.promptName))
    setMissing(reading, 'promptVersion', a.text(K.promptVersion) ?? a.text(OURS.release))
    setMissing(reading, 'instructionsHash', a.text(OURS.instructionsHash))
    setMissing(reading, 'toolsHash', a.text(OURS.toolsHash))
    setMissing(reading, 'outputEmpty', a.flag(OURS.outputEmpty))
    if (a.flag(OURS.incomplete) === true) setMissing(reading, 'incomplete', true)
  } else if (reading.role === 'tool' || reading.role === 'retrieval') {
    if (a.flag(OURS.blocked) === true) setMissing(reading, 'blocked', true)
    setMissing(reading, 'argumentsHash', a.text(OURS.argumentsHash))
    setMissing(reading, 'resultEmpty', a.flag(OURS.resultEmpty))
  }
}

/** Roles that count nothing and carry nothing: a link holds all there is to know. */
function isOnlyShape(r: Reading): boolean {
  if (r.role !== 'other' && r.role !== 'step' && r.role !== 'handoff' && r.role !== 'guardrail') return false
  return r.evaluations === undefined && r.stoppedBy === undefined && r.intervention === undefined && r.usage === undefined
}

// oxlint-disable-next-line max-params -- one object a span more, for three words
function factOf(span: Span, dialect: string, reading: Reading, origin: Origin): Fact {
  const { traceState } = span
  return taken<HeldFact>({
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    parentLocation: span.parentLocation,
    startMs: span.startMs,
    durationMs: span.durationMs,
    status: span.status,
    dialect,
    reading,
    weight: traceState === '' ? 1 : weightOf(traceState),
    service: origin.service,
    environment: origin.environment,
    serviceVersion: origin.serviceVersion,
    mainAgent: origin.mainAgent,
    fromLog: undefined,
    claim: undefined,
  })
}

/** A fact that came as a log record (Claude Code, Codex): a step without a tree. */
export function factOfLog(log: LogRecord, dialect: string, id: string, durationMs: number, reading: Reading): Fact {
  const { origin } = sourceOf(log.resource)
  return taken<HeldFact>({
    spanId: id,
    parentSpanId: '',
    parentLocation: 'unknown',
    startMs: log.timeMs - durationMs,
    durationMs,
    status: 'unset',
    dialect,
    reading: wholeReading(reading),
    weight: 1,
    service: origin.service,
    environment: origin.environment,
    serviceVersion: origin.serviceVersion,
    mainAgent: origin.mainAgent,
    fromLog: true,
    claim: undefined,
  })
}

type Origin = Pick<Fact, 'service' | 'serviceVersion' | 'mainAgent' | 'environment'>

/** What is known of a resource: who it is, and which dialects spans of the scope that was met last may be of. */
interface Source {
  readonly origin: Origin
  scope: Scope | undefined
  dialects: number
}

/** Spans come by the hundred from one resource. Weak, for a resource's view holds the body it was read from. */
const sources = new WeakMap<Attributes, Source>()

function sourceOf(resource: Attributes): Source {
  let source = sources.get(resource)
  if (source === undefined) sources.set(resource, (source = { origin: originOf(resource), scope: undefined, dialects: 0 }))
  return source
}

/** Who emitted it. `service.name` is required by the SDKs; a hand-written exporter may leave it out. */
function originOf(resource: Attributes): Origin {
  const serviceVersion = resource.text(GENERAL.serviceVersion)
  const mainAgent = resource.text(GEN_AI.mainAgentName)
  return {
    service: resource.text(GENERAL.serviceName) ?? 'unknown_service',
    environment: resource.text(GENERAL.environment) ?? resource.text(GENERAL.oldEnvironment) ?? '',
    ...(serviceVersion === undefined ? {} : { serviceVersion }),
    ...(mainAgent === undefined || mainAgent === '' ? {} : { mainAgent }),
  }
}
