/**
 * What the instrumentation tells the person who runs the agent: one line on stderr, at most once per subject, silent below the level that
 * AGENTOPZ_LOG_LEVEL sets (warn). Never message content, never secrets.
 */
import type { LogLevel } from './settings.ts'

const ORDER: readonly LogLevel[] = ['silent', 'error', 'warn', 'info', 'debug']
let level: LogLevel = 'warn'
const said = new Set<string>()
const MAX_SUBJECTS = 200

/** Sets the level. */
export function setLogLevel(to: LogLevel): void {
  level = to
}

/** Writes one line, when the level allows it. */
export function say(at: Exclude<LogLevel, 'silent'>, message: string): void {
  if (ORDER.indexOf(at) > ORDER.indexOf(level)) return
  try {
    process.stderr.write(`agentopz: ${message}\n`)
  } catch {
    // A closed stderr is no reason to disturb the agent.
  }
}

/** Writes one line, once per subject in the life of the process. */
export function sayOnce(subject: string, at: Exclude<LogLevel, 'silent'>, message: string): void {
  if (said.has(subject) || said.size >= MAX_SUBJECTS) return
  said.add(subject)
  say(at, message)
}

/** Failures of our own code by place; shown by `internalErrors()` and told once each at level error. */
const failures = new Map<string, number>()

/** Counts a bug of ours; the application goes on as without us. */
export function bug(place: string, error: unknown): void {
  failures.set(place, (failures.get(place) ?? 0) + 1)
  const text = error instanceof Error ? (level === 'debug' ? (error.stack ?? error.message) : error.message) : String(error)
  sayOnce(`bug:${place}`, 'error', `a bug of the instrumentation in ${place} was contained, the agent is not affected: ${text}`)
}

/** How often our own code failed, by place. */
export function internalErrors(): ReadonlyMap<string, number> {
  return failures
}

/** Runs our code so that it cannot disturb the application; `undefined` when it failed. */
export function contained<T>(place: string, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    bug(place, error)
    return undefined
  }
}
