/**
 * Every time a guard steps in, it is on record: attributes on the span it concerned and on the run's root, an event with its reason, a counter
 * here and one in the application's own metrics, when it has a meter provider.
 */
import { metrics } from '@opentelemetry/api'
import { AGENTOPZ, EVENT } from '../model/semconv.ts'
import { contained } from './log.ts'
import { activeSpan, type Attributes, type Span } from './otel.ts'
import type { Refusal, RunScope } from './run-scope.ts'
import { runtime } from './runtime.ts'

/** What the guard did: answered instead of the model, refused, aborted a call under way, gave the model a tool error, changed the request. */
export type Action = 'fallback' | 'refused' | 'aborted' | 'tool_error' | 'pinned'

const STOPS: ReadonlySet<string> = new Set(['kill_switch', 'run_stop', 'cost_guard', 'step_guard', 'loop_guard'])

/** Attributes that say that a guard stepped in. */
export function interventionAttributes(refusal: Refusal, action: Action): Attributes {
  const stops = STOPS.has(refusal.guard) && action !== 'tool_error'
  return {
    [AGENTOPZ.guard]: refusal.guard,
    [AGENTOPZ.guardCause]: refusal.cause,
    [AGENTOPZ.guardReason]: refusal.reason.slice(0, 256),
    [AGENTOPZ.guardAction]: action,
    ...(refusal.controlId === undefined ? {} : { [AGENTOPZ.controlId]: refusal.controlId }),
    ...(stops ? { [AGENTOPZ.stoppedBy]: refusal.guard } : {}),
  }
}

/** Records an intervention; `span` is the one it concerned, the active one when left out. */
export function recordIntervention(
  run: RunScope | undefined,
  refusal: Refusal,
  action: Action,
  span: Span | undefined = activeSpan(),
): void {
  contained('intervention', () => {
    const key = `${refusal.guard} ${action}`
    const counts = runtime().interventions
    counts.set(key, (counts.get(key) ?? 0) + 1)
    const attributes = interventionAttributes(refusal, action)
    span?.setAttributes(attributes)
    const root = run?.root
    if (root?.isRecording() === true) {
      root.addEvent(EVENT.intervention, attributes)
      if (span === undefined) root.setAttributes(attributes)
      if (AGENTOPZ.stoppedBy in attributes) root.setAttribute(AGENTOPZ.stoppedBy, refusal.guard)
    } else span?.addEvent(EVENT.intervention, attributes)
    metrics
      .getMeter('agentopz')
      .createCounter('agentopz.guard.interventions', { description: 'Times a guard stepped in.' })
      .add(1, { 'agentopz.guard': refusal.guard, 'agentopz.guard.action': action })
  })
}
