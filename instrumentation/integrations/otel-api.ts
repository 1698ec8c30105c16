/**
 * Copies of @opentelemetry/api in the application. When the application registers something through one of them, ours gives way before and
 * comes back, or attaches, after. A copy that is newer than what is registered drops its spans without a word (an API copy only sees a global of
 * the same or a newer minor): that is said.
 */
import { readFileSync } from 'node:fs'
import { contained, sayOnce } from '../log.ts'
import { otelGlobal } from '../otel.ts'
import { giveWay, settle } from '../otel-global.ts'
import type { Integration } from './integration.ts'

const PATCHED = Symbol.for('agentopz.otel-api')

type Setter = (this: unknown, ...args: unknown[]) => unknown
type Patchable = Record<string, unknown> & { [PATCHED]?: true }

/** Copies seen, by path, with their version. */
const copies = new Map<string, string>()

export const otelApi: Integration = {
  name: 'otel-api',
  modules: [
    {
      package: '@opentelemetry/api',
      file: /^(build|dist)\/(src\/|esm\/|esnext\/)?index\.(c|m)?js$/,
      patch: (exports, { path }) => {
        const copy = exports as Readonly<Record<string, Patchable | undefined>>
        const { trace } = copy
        if (trace === undefined) return false
        if (trace[PATCHED] === true) return true
        trace[PATCHED] = true
        const version = versionOf(path)
        copies.set(path, version)
        warnOfNewer()
        for (const [name, setter] of SETTERS) wrap(copy[name], setter, version)
        return true
      },
    },
  ],
}

/** What a copy registers globally; `logs` since 1.10. */
const SETTERS = [
  ['trace', 'setGlobalTracerProvider'],
  ['context', 'setGlobalContextManager'],
  ['propagation', 'setGlobalPropagator'],
  ['metrics', 'setGlobalMeterProvider'],
  ['logs', 'setGlobalLoggerProvider'],
  ['diag', 'setLogger'],
] as const

function wrap(on: Patchable | undefined, name: string, version: string): void {
  const original = on?.[name]
  if (on === undefined || typeof original !== 'function') return
  const set: Setter = function (...args) {
    contained('otel way', () => giveWay(version))
    const result = (original as Setter).apply(this, args)
    contained('otel settle', () => {
      settle()
      if (name === 'setGlobalTracerProvider') warnOfNewer()
    })
    return result
  }
  on[name] = set
}

function versionOf(path: string): string {
  const root = path.slice(0, path.lastIndexOf('/@opentelemetry/api/') + '/@opentelemetry/api/'.length)
  try {
    const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version?: unknown }
    return typeof version === 'string' ? version : ''
  } catch {
    return ''
  }
}

/** Tells of copies that are newer than the registered API: their spans are dropped. */
function warnOfNewer(): void {
  const registered = otelGlobal()?.version
  if (registered === undefined) return
  for (const [path, version] of copies)
    if (minorOf(version) > minorOf(registered))
      sayOnce(
        `api:${path}`,
        'warn',
        `${path} is @opentelemetry/api ${version}, but the tracer provider was registered through ${registered}: spans made through it are dropped. Install one version of @opentelemetry/api, ${version} or newer`,
      )
}

const minorOf = (version: string): number => Number(version.split('.')[1] ?? 0)
