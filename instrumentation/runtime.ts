/**
 * What the parts of the instrumentation share in one process: settings, runs, guards. One object under a global symbol, so that the copy
 * loaded by `--import agentopz/register` and the copy that the application imports as `agentopz/instrumentation` are the same runtime.
 */
import { hash } from 'node:crypto'
import { Guards } from './guards/guards.ts'
import { Runs } from './runs.ts'
import { readSettings, type Settings } from './settings.ts'

export interface Runtime {
  settings: Settings
  readonly runs: Runs
  readonly guards: Guards
  /** True once register or attach has set things up; the explicit API is a plain call of the function before. */
  active: boolean
  /** How often each guard stepped in, by `GUARD action`. */
  readonly interventions: Map<string, number>
  /** Changes what is exported of message content, when the operator asked for content; an application may set it. */
  redact: ((text: string) => string) | undefined
}

const KEY = Symbol.for('agentopz.runtime.1')

/** The runtime of this process. */
export function runtime(): Runtime {
  const place = globalThis as { [KEY]?: Runtime }
  return (place[KEY] ??= {
    settings: readSettings({}, () => undefined),
    runs: new Runs(),
    guards: new Guards(),
    active: false,
    interventions: new Map(),
    redact: undefined,
  })
}

/** 8 hex digits of SHA-256: a stable id of a text that does not give it away. */
export function fingerprint(text: string): string {
  return hash('sha256', text).slice(0, 8)
}
