/**
 * Readings of one shape: every field is there from the start, in one order, undefined until it is known. A reading whose fields are added as they are
 * found has one of hundreds of shapes, and whoever asks it for a field pays for looking that up (docs/decisions/0021).
 * Only what tells a field that is undefined from one that is absent sees a difference: a spread of a whole reading overwrites with what is unknown.
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import type { Draft } from './reading.ts'

/** All fields of an object as that object: a field that may be absent may be undefined here, and one that is left out does not compile. */
export function taken<T extends object>(fields: Record<keyof T, unknown>): Draft<T> {
  return fields as Draft<T>
}

/** A reading that knows nothing but its role, to be filled in. */
export function blankReading(role: SpanRole): Draft<Reading> {
  return taken<Reading>({
    role,
    agentName: undefined,
    agentVersion: undefined,
    promptName: undefined,
    promptVersion: undefined,
    instructionsHash: undefined,
    toolsHash: undefined,
    provider: undefined,
    requestModel: undefined,
    responseModel: undefined,
    serviceTier: undefined,
    finish: undefined,
    toolName: undefined,
    errorType: undefined,
    stoppedBy: undefined,
    responseId: undefined,
    usage: undefined,
    givenCostUsd: undefined,
    outputEmpty: undefined,
    perAttempt: undefined,
    outputInvalid: undefined,
    outputText: undefined,
    inputText: undefined,
    toolCallId: undefined,
    argumentsHash: undefined,
    resultEmpty: undefined,
    blocked: undefined,
    serverSide: undefined,
    failed: undefined,
    incomplete: undefined,
    intervention: undefined,
    evaluations: undefined,
  })
}

/** A reading as it is when it is whole, the same fields in the shape of all others. */
export function wholeReading(r: Reading): Draft<Reading> {
  // The last field of a whole reading, which others hardly ever have: they are as good as they are, only slower to ask.
  return 'evaluations' in r ? r : Object.assign(blankReading(r.role), r)
}

/** Usage that knows nothing but how its numbers are meant, to be filled in. */
export function blankUsage(cacheAccounting: RawUsage['cacheAccounting']): Draft<RawUsage> {
  return taken<RawUsage>({
    cacheAccounting,
    input: undefined,
    output: undefined,
    cacheRead: undefined,
    cacheWrite: undefined,
    cacheWrite1h: undefined,
    reasoning: undefined,
    total: undefined,
    reasoningOutsideOutput: undefined,
  })
}
