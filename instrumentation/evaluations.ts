/**
 * Verdicts from the application: recordEvaluation() for its own checks, recordFeedback() for what users said. On the run's root span as
 * `gen_ai.evaluation.result` events (OpenTelemetry GenAI conventions), where the processor joins them to the run.
 */
import { EVENT, GEN_AI } from '../model/semconv.ts'
import { contained } from './log.ts'
import { activeSpan, type Attributes, SpanKind, tracer } from './otel.ts'
import { runtime } from './runtime.ts'

export interface EvaluationResult {
  /** On the evaluator's own scale. */
  readonly score?: number
  /** `pass`, `fail`, or a word of the evaluator's own. */
  readonly label?: string
  readonly explanation?: string
  /** Answer that is judged, where it is not the current run. */
  readonly responseId?: string
}

/** Records the verdict of a check on the current run, or on the answer with this id. */
export function recordEvaluation(name: string, result: EvaluationResult): void {
  contained('recordEvaluation', () => {
    if (!runtime().active) return
    const attributes: Attributes = {
      [GEN_AI.evaluationName]: name,
      ...(result.score === undefined ? {} : { [GEN_AI.evaluationScore]: result.score }),
      ...(result.label === undefined ? {} : { [GEN_AI.evaluationLabel]: result.label }),
      ...(result.explanation === undefined ? {} : { [GEN_AI.evaluationExplanation]: result.explanation.slice(0, 1024) }),
      ...(result.responseId === undefined ? {} : { [GEN_AI.responseId]: result.responseId }),
    }
    const root = runtime().runs.locate(Date.now()).run?.root
    const span = root?.isRecording() === true ? root : activeSpan()
    if (span !== undefined) {
      span.addEvent(EVENT.evaluation, attributes)
      return
    }
    // After the run: an own span carries the event, joined by the answer's id.
    const own = tracer().startSpan(`evaluate ${name}`, { kind: SpanKind.INTERNAL, attributes: { [GEN_AI.operation]: 'guardrail_check' } })
    own.addEvent(EVENT.evaluation, attributes)
    own.end()
  })
}

/** Records what a user said of the current run: true for good, or a score. */
export function recordFeedback(verdict: boolean | number, result: Omit<EvaluationResult, 'score' | 'label'> = {}): void {
  recordEvaluation('user_feedback', {
    ...result,
    ...(typeof verdict === 'number' ? { score: verdict } : { score: verdict ? 1 : 0, label: verdict ? 'pass' : 'fail' }),
  })
}
