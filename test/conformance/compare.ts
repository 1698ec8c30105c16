/**
 * A bare and an instrumented run of the same program → the differences an application, its provider or its operator could notice.
 * Pure. Nothing may differ but trace context headers, dates, and what the SDK itself makes up at random (`Volatile`).
 */
import type { Call } from '../support/provider.ts'
import type { ProgramRun } from './program-run.ts'

/** Regular expressions for what an SDK makes up anew in every run, and names of headers that carry such things. */
export interface Volatile {
  readonly headers?: readonly string[]
  readonly body?: readonly string[]
  readonly stdout?: readonly string[]
  readonly stderr?: readonly string[]
  /** Scenarios in which it is a race whether a response is read to its end. */
  readonly ends?: readonly string[]
}

export interface Difference {
  /** Scenario, or `''` for the program as a whole. */
  readonly scenario: string
  readonly what: 'stdout' | 'requests' | 'exit' | 'stderr' | 'order'
  readonly bare: string
  readonly instrumented: string
}

const FREE_HEADERS: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage', 'date'])
const FLOOD_BYTES = 16 * 1024 * 1024

export function compareRuns(bare: ProgramRun, instrumented: ProgramRun, volatile: Volatile = {}): readonly Difference[] {
  const found: Difference[] = []
  const differ = (scenario: string, what: Difference['what'], a: string, b: string): void => {
    if (a !== b) found.push({ scenario, what, ...cutToDifference(a, b) })
  }
  differ('', 'exit', bare.exit, instrumented.exit)
  if (instrumented.marks.length === 0) {
    // It never began; that everything it did not do is missing says nothing more.
    differ('', 'stderr', bare.stderr.join('\n'), instrumented.stderr.join('\n'))
    return found
  }
  const printed = [byScenario(bare.stdout, volatile.stdout), byScenario(instrumented.stdout, volatile.stdout)] as const
  differ('', 'order', [...printed[0].keys()].join(' '), [...printed[1].keys()].join(' '))
  for (const scenario of new Set([...printed[0].keys(), ...printed[1].keys()]))
    differ(scenario, 'stdout', printed[0].get(scenario) ?? 'nothing', printed[1].get(scenario) ?? 'nothing')
  const names = new Set([...bare.calls, ...instrumented.calls].map((c) => c.mark))
  for (const scenario of names)
    differ(scenario, 'requests', requestsOf(bare, scenario, volatile), requestsOf(instrumented, scenario, volatile))
  differ(
    '',
    'stderr',
    errorsOf(bare.stderr, volatile.stderr).join('\n'),
    errorsOf(ownLineTaken(instrumented.stderr), volatile.stderr).join('\n'),
  )
  return found
}

/** One line may say that the instrumentation is on; it is ours and is taken away. More than one is a difference. */
function ownLineTaken(lines: readonly string[]): readonly string[] {
  const own = lines.findIndex((line) => line.startsWith('agentopz') && !line.includes('a bug of the instrumentation'))
  return own < 0 ? lines : lines.toSpliced(own, 1)
}

const errorsOf = (lines: readonly string[], volatile: readonly string[] = []): readonly string[] =>
  lines
    .map((line) => blanked(line.replace(/\(node:\d+\)/, '(node)'), volatile))
    .filter((line) => line !== '…')
    .sort()

function byScenario(lines: readonly string[], volatile: readonly string[] = []): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of lines) {
    const scenario = scenarioOf(line)
    found.set(scenario, `${found.get(scenario) ?? ''}${blanked(line, volatile)}\n`)
  }
  return found
}

/** The scenario that a printed line is about; '' for a line that is not ours. */
export function scenarioOf(line: string): string {
  try {
    const { scenario } = JSON.parse(line) as { readonly scenario?: unknown }
    return typeof scenario === 'string' ? scenario : ''
  } catch {
    return ''
  }
}

/** Concurrent requests arrive in any order, so a scenario's are sorted. */
function requestsOf(run: ProgramRun, scenario: string, volatile: Volatile): string {
  const free = new Set([...FREE_HEADERS, ...(volatile.headers ?? [])])
  const one = (c: Call): string => {
    const headers = Object.entries(c.headers)
      .filter(([name]) => !free.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `  ${name}: ${String(value)}\n`)
    const took = c.sent > FLOOD_BYTES ? ', most of the flood was taken' : ''
    const end = volatile.ends?.includes(scenario) === true ? 'ended' : c.end
    return `${c.method} ${c.path} (${end}${took})\n  ${blanked(c.body, volatile.body)}\n${headers.join('')}`
  }
  return run.calls
    .filter((c) => c.mark === scenario)
    .map(one)
    .sort()
    .join('')
}

const blanked = (text: string, patterns: readonly string[] = []): string =>
  patterns.reduce((t, pattern) => t.replaceAll(new RegExp(pattern, 'g'), '…'), text)

/** Long texts are shown from shortly before the place where they part. */
function cutToDifference(a: string, b: string): { readonly bare: string; readonly instrumented: string } {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  const from = Math.max(0, at - 60)
  const cut = (text: string): string => `${from > 0 ? '…' : ''}${text.slice(from, at + 300)}${text.length > at + 300 ? '…' : ''}`
  return { bare: cut(a), instrumented: cut(b) }
}
