/**
 * The global object of @opentelemetry/api, shared so that an application's own registration wins. Every copy of the API writes that object back
 * when it registers something, bundled copies too: that is noticed here, what we registered is taken out for as long as it takes, and put back
 * beside what the application registered, unless that was a tracer provider.
 * The object belongs to one version: a copy of another version is refused. Copies that can be hooked are given an object of theirs (`giveWay`).
 */
import { contained, sayOnce } from './log.ts'
import { GLOBAL, type OtelGlobal, otelGlobal } from './otel.ts'

/** By the API's own names. */
const OURS = ['trace', 'context', 'propagation'] as const
type Entries = Partial<Record<string, unknown>>

let current: OtelGlobal | undefined
/** What we registered, as the API wrote it. */
let ours: OtelGlobal | undefined
/** Somebody is registering; what was there before. */
let pending: Entries | undefined
let isTheirs = false
let adopt: (provider: unknown) => void = () => undefined

/** Takes over the global object. What is in it is ours, where `register` put it there; `adopted` gets the application's tracer provider. */
export function shareGlobal(register: (() => void) | undefined, adopted: (provider: unknown) => void): void {
  register?.()
  current = otelGlobal()
  ours = register === undefined || current === undefined ? undefined : entriesOf(current)
  adopt = adopted
  Object.defineProperty(globalThis, GLOBAL, {
    configurable: true,
    enumerable: true,
    get: () => {
      settle()
      return current
    },
    set: (value: OtelGlobal | undefined) => {
      current = value
      if (value !== undefined && !isTheirs) begin(value)
    },
  })
}

/** A copy of this version is about to register something: it finds an object of its version, with what others registered and nothing of ours. */
export function giveWay(version: string): void {
  settle()
  if (current === undefined || isTheirs || version === '') return
  const kept = Object.entries(current).filter(([key, value]) => key !== 'version' && value !== (ours as Entries | undefined)?.[key])
  current = kept.length === 0 ? undefined : withVersion(Object.fromEntries(kept), version)
}

/** Ends a registration that is under way: ours comes back, or the application's provider is adopted. */
export function settle(): void {
  if (pending === undefined || isHalfDone(current?.trace)) return
  const before = pending
  pending = undefined
  contained('otel registration', () => {
    const provider = current?.trace
    if (provider !== undefined && provider !== ours?.trace) {
      isTheirs = true
      adopt(provider)
    } else comeBack(before)
  })
}

/** The API registers a proxy first and gives it the provider then; it asks for the global object in between. */
function isHalfDone(provider: unknown): boolean {
  return (
    typeof provider === 'object' &&
    provider !== null &&
    'getDelegate' in provider &&
    !('_delegate' in provider && provider._delegate !== undefined)
  )
}

function begin(value: OtelGlobal): void {
  pending ??= { ...value }
  const entries = value as Entries
  for (const key of OURS) if (ours !== undefined && entries[key] === ours[key]) delete entries[key]
}

function comeBack(before: Entries): void {
  if (ours === undefined) return
  const after = { ...entriesOf(ours), ...entriesOf(current ?? {}), version: ours.version }
  // Theirs was refused where all is as it was: what registered is a copy of another version, and could not be hooked.
  if (Object.keys(after).every((key) => (before as Entries)[key] === (after as Entries)[key]))
    sayOnce(
      'otel refused',
      'warn',
      `something was registered with a copy of @opentelemetry/api that is not ${ours.version} and was refused; in a bundle, leave @opentelemetry/api out of it, or call attach() of agentopz/instrumentation in the place of preloading`,
    )
  current = withVersion(after, ours.version ?? '')
}

const entriesOf = (from: OtelGlobal): OtelGlobal => ({ ...from })

function withVersion(entries: Entries, version: string): OtelGlobal {
  // As the API makes it: nobody may change it.
  return Object.defineProperty({ ...entries }, 'version', { value: version, enumerable: true }) as OtelGlobal
}
