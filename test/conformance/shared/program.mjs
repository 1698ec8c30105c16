/**
 * What every conformance program does: runs its scenarios one after the other and prints, for each, one JSON line with everything an
 * application could observe. A line must be the same in every run of the same code: no times, no random ids, no object identity.
 * Before a scenario it tells the provider its name, through node:http and not through fetch, so that telling leaves no trace.
 */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const PROVIDER = process.env.PROVIDER_URL
if (PROVIDER === undefined) throw new Error('set PROVIDER_URL to a running provider: node test/support/provider-command.ts')
/** A scenario that takes longer is a finding of its own. */
const LIMIT_MS = 15_000
/** Silence before and after a scenario: spans carry milliseconds of this process, the provider's marks those of another. */
const SETTLE_MS = 12

let current = ''
// Without these an escaped rejection ends the program, and the scenarios after it are never seen.
process.on('unhandledRejection', (error) => print({ scenario: current, unhandledRejection: describeError(error) }))
process.on('uncaughtException', (error) => print({ scenario: current, uncaughtException: describeError(error) }))

/**
 * Runs `scenarios`, or `guard` when the program was started with the argument `guard`. Any other arguments choose scenarios by name.
 * Each is `name: async () => anything JSON can say`; what it throws is described.
 */
export async function runProgram({ scenarios, guard = {} }) {
  const names = process.argv.slice(2)
  const guarding = names[0] === 'guard'
  const chosen = Object.entries(guarding ? guard : scenarios).filter(([name]) => guarding || names.length === 0 || names.includes(name))
  for (const [name, run] of chosen) {
    current = name
    await tell(name)
    await sleep(SETTLE_MS)
    print({ scenario: name, ...(await outcome(run)) })
    await sleep(SETTLE_MS)
  }
}

/** What a promise or function comes to: `{ result }` or `{ error }`. For scenarios that expect a failure and go on. */
export async function outcome(work) {
  const limit = new AbortController()
  const late = sleep(LIMIT_MS, undefined, { signal: limit.signal }).then(() => ({
    error: { class: 'Late', message: `no end within ${LIMIT_MS} ms` },
  }))
  late.catch(() => undefined)
  const done = Promise.resolve()
    .then(() => (typeof work === 'function' ? work() : work))
    .then(
      (result) => ({ result: plain(result) }),
      (error) => ({ error: describeError(error) }),
    )
  const first = await Promise.race([done, late])
  limit.abort()
  return first
}

/** Every item of a stream, each as `pick` sees it, and how the stream ended. */
export async function drain(stream, pick = (item) => item) {
  const chunks = []
  try {
    for await (const item of stream) chunks.push(plain(pick(item)))
    return { chunks, ended: 'done' }
  } catch (error) {
    return { chunks, ended: describeError(error) }
  }
}

/** A signal that aborts after some milliseconds for no reason given, as a user who stops waiting does. */
export function stopAfter(ms) {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), ms)
  return controller.signal
}

/** The first `count` items of a stream that the consumer then leaves with `break`. */
export async function takeFrom(stream, count, pick = (item) => item) {
  const chunks = []
  for await (const item of stream) {
    chunks.push(plain(pick(item)))
    if (chunks.length === count) break
  }
  return { chunks, ended: 'left' }
}

/** What an application could branch on in an exception. */
export function describeError(error, depth = 0) {
  if (typeof error !== 'object' || error === null) return { thrown: plain(error) }
  const about = { class: error.constructor?.name, name: error.name, message: error.message }
  for (const key of ['status', 'statusCode', 'code', 'type', 'param', 'errno', 'syscall', 'isRetryable', 'reason']) {
    if (typeof error[key] !== 'function' && error[key] !== undefined && error[key] !== null) about[key] = plain(error[key])
  }
  if (error.error !== undefined && error.error !== error) about.error = plain(error.error)
  if (Array.isArray(error.errors)) about.errors = error.errors.map((e) => describeError(e, depth + 1))
  if (error.cause !== undefined && depth < 4) about.cause = describeError(error.cause, depth + 1)
  return about
}

/** A value as JSON can say it; errors, maps, sets and bytes included, cycles and functions named. */
export function plain(value, seen = new Set()) {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'symbol') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (seen.has(value)) return '(again)'
  const within = new Set(seen).add(value)
  const each = (v) => plain(v, within)
  if (value instanceof Error) return describeError(value)
  if (Array.isArray(value)) return value.map(each)
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') }
  if (value instanceof Map) return { map: [...value].map(each) }
  if (value instanceof Set) return { set: [...value].map(each) }
  if (value instanceof Date) return value.toISOString()
  if (typeof value.toJSON === 'function') return each(value.toJSON())
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, each(v)]))
}

function tell(scenario) {
  return new Promise((resolve, reject) => {
    request(`${PROVIDER}/__mark/${encodeURIComponent(scenario)}`, { agent: false }, (answer) => {
      answer.resume()
      answer.on('end', resolve)
    })
      .on('error', reject)
      .end()
  })
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
