/**
 * Copies of @opentelemetry/api in the application. When the application registers an SDK of its own through one of them, ours steps back before
 * and attaches after. A copy that is newer than what is registered drops its spans without a word (an API copy only sees a global of the same or
 * a newer minor): that is said.
 */
import { readFileSync } from 'node:fs'
import { sayOnce } from '../log.ts'
import { otelGlobal } from '../otel.ts'
import { adopt, comeBack, isOurProvider, type Registry, stepBack } from '../provider.ts'
import { contained } from '../log.ts'
import type { Integration } from './integration.ts'

const PATCHED = Symbol.for('agentopz.otel-api')

type Setter = (this: unknown, value: unknown) => boolean
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
        const copy = exports as unknown as Registry
        const trace = copy.trace as unknown as Patchable | undefined
        if (trace === undefined) return false
        if (trace[PATCHED] === true) return true
        trace[PATCHED] = true
        copies.set(path, versionOf(path))
        warnOfNewer()
        wrap(trace, 'setGlobalTracerProvider', copy)
        wrap(copy.context as unknown as Patchable, 'setGlobalContextManager', copy)
        wrap(copy.propagation as unknown as Patchable, 'setGlobalPropagator', copy)
        return true
      },
    },
  ],
}

function wrap(on: Patchable, method: string, copy: Registry): void {
  const original = on[method] as Setter
  on[method] = function (this: unknown, value: unknown): boolean {
    if (isRestoring || isOurProvider(value)) return original.call(this, value)
    contained('otel step back', stepBack)
    const accepted = original.call(this, value)
    contained('otel adopt', () => {
      if (method === 'setGlobalTracerProvider') {
        if (accepted) adopt(value)
        warnOfNewer()
      } else setImmediate(() => contained('otel come back', () => restored(copy)))
    })
    return accepted
  }
}

let isRestoring = false
function restored(copy: Registry): void {
  isRestoring = true
  try {
    comeBack(copy)
  } finally {
    isRestoring = false
  }
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
