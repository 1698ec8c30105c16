/**
 * The options of one call, as the SDK gets them: with our telemetry where the application did not decide, and with guarded tools where the SDK
 * has no seam for them. What the application set stays: telemetry that is off stays off, its own tracer and integrations go on as before.
 */
import { quietTelemetry, makesSpans, telemetry as ours } from '../vercel-ai-7.ts'
import { guardTools } from './tools.ts'
import { OperationTracer } from './tracer.ts'

export type Options = Readonly<Record<string, unknown>>

interface Telemetry {
  readonly isEnabled?: unknown
  readonly functionId?: unknown
  readonly integrations?: unknown
}

const telemetryOf = (value: unknown): Telemetry => (typeof value === 'object' && value !== null ? value : {})

/** The name of the run: what the application calls it in its telemetry, else the agent's id. */
function nameOf({ functionId }: Telemetry, agentId: string | undefined): string | undefined {
  return typeof functionId === 'string' && functionId !== '' ? functionId : agentId
}

/** Telemetry that the application switched on reports by itself; the call's run is then only entered. */
export interface Adapted {
  readonly options: Options
  readonly enters?: { readonly name: string | undefined }
}

/** For AI SDK 5 and 6. */
export function adaptOld(options: Options, agentId?: string): Adapted {
  const given = telemetryOf(options['experimental_telemetry'])
  const name = nameOf(given, agentId)
  if (given.isEnabled === false) return { options: { ...options, tools: guardTools(options['tools'], 'guard') } }
  const named = { ...given, ...(name === undefined ? {} : { functionId: name }) }
  if (given.isEnabled === true)
    return { options: { ...options, experimental_telemetry: named, tools: guardTools(options['tools'], 'guard') }, enters: { name } }
  // Inputs and outputs are content, which the SDK would put on the spans of our tracer for nothing.
  const telemetry = { ...named, isEnabled: true, recordInputs: false, recordOutputs: false, tracer: new OperationTracer(name) }
  return { options: { ...options, experimental_telemetry: telemetry, tools: guardTools(options['tools'], 'report') } }
}

/** For AI SDK 7. */
export function adaptNew(options: Options, agentId?: string): Options {
  // The old name still works.
  const key = options['telemetry'] === undefined && options['experimental_telemetry'] !== undefined ? 'experimental_telemetry' : 'telemetry'
  const given = telemetryOf(options[key])
  if (given.isEnabled === false) return { ...options, tools: guardTools(options['tools'], 'guard') }
  const name = nameOf(given, agentId)
  const theirs = given.integrations === undefined || given.integrations === null ? undefined : [given.integrations].flat()
  if (name === given.functionId && theirs === undefined) return options
  const telemetry = {
    ...given,
    ...(name === undefined ? {} : { functionId: name }),
    ...(theirs === undefined ? {} : { integrations: [theirs.some(makesSpans) ? quietTelemetry : ours, ...theirs] }),
  }
  return { ...options, [key]: telemetry }
}
