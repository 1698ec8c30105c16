/**
 * Runs that nobody declared: a hand-written loop over a plain SDK. Its calls refer to each other (tool call ids, an earlier answer's id, the
 * messages before the tools' results where calls have no ids, the same body after a failure), which makes them one run with one root span,
 * closed when an answer asks for no more tools. Without ids, equal conversations at the same time cannot be told apart.
 * A run that is never gone on with is closed at its last activity after `IDLE_MS`, or at exit.
 */
import { AGENTOPZ, GEN_AI } from '../model/semconv.ts'
import type { Answer } from './fetch/protocol.ts'
import type { Ending } from './fetch/read-answer.ts'
import type { CallFacts } from './model-call.ts'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, tracer } from './otel.ts'
import type { RunScope } from './run-scope.ts'
import { fingerprint, runtime } from './runtime.ts'

/** How long a run waits for its next call. */
export const IDLE_MS = 600_000
/** How long a failed call waits for its retry. */
export const RETRY_MS = 60_000

/** The run that a call goes on with, or a new one with a root span. */
export function impliedRun(facts: CallFacts, now: number): RunScope {
  const { runs, settings } = runtime()
  const { request } = facts
  // Where no run waits for anything there is nothing to look up.
  for (const key of runs.isWaitedFor ? keysOf(facts).flatMap(places) : []) {
    const run = runs.byKey(key)
    if (run === undefined) continue
    runs.forget(key)
    if (run.root === undefined || (run.failedLast && now - run.lastActiveMs > RETRY_MS)) continue
    run.lastActiveMs = now
    return run
  }
  const run = runs.create('implied', now)
  if (request.operation === 'embeddings') return run
  const agent = settings.agent
  run.root = tracer().startSpan(
    `invoke_agent ${agent ?? ''}`.trim(),
    {
      kind: SpanKind.INTERNAL,
      startTime: now,
      attributes: {
        [GEN_AI.operation]: 'invoke_agent',
        [AGENTOPZ.runId]: run.id,
        ...(agent === undefined ? {} : { [GEN_AI.agentName]: agent }),
        ...(run.agentVersion === undefined ? {} : { [GEN_AI.agentVersion]: run.agentVersion }),
      },
    },
    ROOT_CONTEXT,
  )
  runs.bindTrace(run.root.spanContext().traceId, run)
  return run
}

/** What this call says it goes on with. */
function keysOf(facts: CallFacts): readonly string[] {
  const { request, attempt } = facts
  return [
    ...request.toolResults.flatMap((r) => (r.id === '' ? [] : [`tool:${r.id}`])),
    ...(request.previousResponseId === undefined ? [] : [`answer:${request.previousResponseId}`]),
    ...(request.earlierMessages === undefined ? [] : [talkKey(request.earlierMessages)]),
    // An SDK that numbers its attempts says which request is a retry; of another, the same body soon after a failure is one.
    ...(attempt === 0 ? [] : [`retry:${facts.bodyHash}`]),
  ]
}

/** Remembers what later calls may refer to, and which tools were asked for. */
export function noteAnswer(run: RunScope, facts: CallFacts, answer: Answer, failed: boolean, now: number): void {
  const { runs } = runtime()
  const isImplied = run.kind === 'implied'
  if (failed && isImplied) remember(`retry:${facts.bodyHash}`, run)
  if (failed) return
  for (const t of answer.toolCalls) {
    run.asked.set(askedKey(t.id, t.name), { name: t.name, argumentsHash: fingerprint(t.args), atMs: now })
    if (isImplied && t.id !== '') runs.remember(`tool:${t.id}`, run)
  }
  if (isImplied && answer.toolCalls.some((t) => t.id === '')) remember(talkKey(facts.request.messages), run)
  if (isImplied && answer.id !== undefined && answer.toolCalls.length > 0) runs.remember(`answer:${answer.id}`, run)
}

/** Key of a tool call that was asked for: its id; of calls without ids, the newest to a tool counts. */
export function askedKey(id: string, name: string | undefined): string {
  return id === '' ? `name:${name ?? ''}` : id
}

/** How many equal requests may be waited for at the same time. */
const SAME = 8

/** Ids are one run's; of equal requests several may wait, each goes on with the one that waits longest. */
function places(key: string): readonly string[] {
  return /^(retry|talk):/.test(key) ? Array.from({ length: SAME }, (_, n) => `${key} ${n}`) : [key]
}

function remember(key: string, run: RunScope): void {
  const { runs } = runtime()
  const all = places(key)
  const free = all.find((k) => [undefined, run].includes(runs.byKey(k)))
  const first = all[0] ?? key
  const ousted = free === undefined ? runs.byKey(first) : undefined
  if (ousted !== undefined) closeImplied(ousted, ousted.lastActiveMs)
  runs.remember(free ?? first, run)
}

const talkKey = (messages: unknown): string => `talk:${fingerprint(JSON.stringify(messages) ?? '')}`

/** Closes the run's root when nothing is to come: the answer asks for no tools, or a guard ended the run. */
export function endImplied(run: RunScope, answer: Answer | undefined, ending: Ending, status: number | undefined, now: number): void {
  if (run.kind !== 'implied' || run.root === undefined || run.reservedCalls > 0) return
  const goesOn = answer !== undefined && (answer.toolCalls.length > 0 || (run.failedLast && isRetried(ending, status)))
  // A guard that aborted the call has ended the run.
  if (goesOn && run.stopped === undefined) return
  closeImplied(run, now)
}

/** A failure that SDKs try again. */
function isRetried(ending: Ending, status: number | undefined): boolean {
  return typeof ending === 'object' || status === 408 || status === 409 || status === 429 || (status ?? 0) >= 500
}

/** Ends the root span of an implied run, at its last activity. */
export function closeImplied(run: RunScope, atMs: number): void {
  const root = run.root
  run.root = undefined
  if (root === undefined) return
  if (run.stopped !== undefined) root.setAttributes({ [AGENTOPZ.stoppedBy]: run.stopped.guard, [AGENTOPZ.outcome]: 'stopped' })
  else if (run.failedLast && !run.leftLast) root.setStatus({ code: SpanStatusCode.ERROR })
  root.end(atMs)
}

/** Closes implied runs that nobody goes on with; `all` at exit. */
export function sweepImplied(now: number, all = false): void {
  const { runs } = runtime()
  for (const run of runs.waiting) {
    const limit = run.failedLast ? RETRY_MS : IDLE_MS
    // A call under way may take longer than a run waits for its next one.
    const isIdle = run.reservedCalls === 0 && now - run.lastActiveMs > limit
    if (all || isIdle) closeImplied(run, run.lastActiveMs)
  }
  runs.forgetClosed()
}
