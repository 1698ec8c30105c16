/**
 * Parameters as people give them: a JSON file that says only what differs from the defaults, and options. Every mistake is told with its
 * path and what to write. Agents and classes are named: a known name changes that one, a new name must be whole; `"only": true` at the top
 * leaves out agents and classes that are not named.
 */
import { readFileSync } from 'node:fs'
import type { IncidentClass } from './fleet/incident-classes.ts'
import { type AgentParameters, DEFAULT_PARAMETERS, type Parameters, type Profile } from './fleet/parameters.ts'

/** A mistake in what was asked; the message says what to type. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

type Json = Readonly<Record<string, unknown>>

const PROFILES: readonly Profile[] = ['global', 'office', 'flat', 'day']
const OPTIONAL_OF_AGENT = ['retrieval']
const EFFECTS: Readonly<Record<string, unknown>> = {
  passAdd: 0,
  passRampMinutes: 0,
  passTo: 0,
  costFactor: 1,
  stepsFactor: 1,
  durationFactor: 1,
  volumeFactor: 1,
  error: 0,
  refusal: 0,
  truncated: 0,
  loop: 0,
  toolError: 0,
  retrievalEmpty: 0,
  newPrompt: true,
  canary: 0,
  inputMix: [0],
  modelSwap: true,
  runaway: true,
  annoyed: 0,
}

/** Reads a parameter file over the defaults. */
export function readParameters(file: string): Parameters {
  let given: unknown
  try {
    given = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}; write JSON, see --show-params`)
  }
  return mergeParameters(given, file)
}

/** Lays what was given over the defaults. */
export function mergeParameters(given: unknown, where: string): Parameters {
  const { agents, classes, only, ...rest } = objectAt(given, where)
  const { agents: _agents, classes: _classes, ...defaults } = DEFAULT_PARAMETERS
  const merged = { ...defaults, ...like(defaults, rest, where) } as Omit<Parameters, 'agents' | 'classes'>
  const isOnly = only === true
  const out: Parameters = {
    ...merged,
    agents: named(DEFAULT_PARAMETERS.agents, agents, `${where}: agents`, isOnly, mergeAgent),
    classes: named(DEFAULT_PARAMETERS.classes, classes, `${where}: classes`, isOnly, mergeClass),
  }
  for (const a of out.agents) {
    if (a.tools.length === 0 || a.tools.length !== a.toolWeights.length)
      throw new UsageError(`${where}: agents.${a.name}.toolWeights: write one weight for each of its ${a.tools.length} tools, at least one`)
    if (a.peakRunsPerHour <= 0) throw new UsageError(`${where}: agents.${a.name}.peakRunsPerHour: ${a.peakRunsPerHour} is not above 0`)
  }
  if (out.historyDays < 1 || out.testDays < 1) throw new UsageError(`${where}: historyDays and testDays: write 1 or more`)
  return out
}

/** `name=rate,name=rate` or `name,name`: those agents at those peak rates, in place of all. */
export function withAgents(p: Parameters, text: string): Parameters {
  const agents = text.split(',').map((part) => {
    const [name = '', rate] = part.split('=')
    const known = p.agents.find((a) => a.name === name)
    if (known === undefined) throw new UsageError(`--agents: no agent "${name}"; write ${p.agents.map((a) => a.name).join(', ')}`)
    if (rate === undefined) return known
    const peakRunsPerHour = Number(rate)
    if (!(peakRunsPerHour > 0)) throw new UsageError(`--agents: "${part}" has no rate; write ${name}=120 for 120 runs an hour`)
    return { ...known, peakRunsPerHour }
  })
  return { ...p, agents }
}

export function withClasses(p: Parameters, text: string): Parameters {
  const classes = text.split(',').map((name) => {
    const known = p.classes.find((c) => c.name === name)
    if (known === undefined) throw new UsageError(`--classes: no class "${name}"; write ${p.classes.map((c) => c.name).join(', ')}`)
    return known
  })
  return { ...p, classes }
}

function named<T extends { readonly name: string }>(
  defaults: readonly T[],
  given: unknown,
  where: string,
  isOnly: boolean,
  merge: (known: T | undefined, own: Json, where: string) => T,
): readonly T[] {
  if (given === undefined) return defaults
  if (!Array.isArray(given)) throw new UsageError(`${where}: write a list, [{ "name": … }]`)
  const own = given.map((item: unknown, i) => {
    const fields = typeof item === 'string' ? { name: item } : objectAt(item, `${where}[${i}]`)
    const name = fields['name']
    if (typeof name !== 'string') throw new UsageError(`${where}[${i}].name: missing; write a name`)
    return merge(
      defaults.find((d) => d.name === name),
      fields,
      `${where}.${name}`,
    )
  })
  if (isOnly) return own
  return [...defaults.map((d) => own.find((o) => o.name === d.name) ?? d), ...own.filter((o) => !defaults.some((d) => d.name === o.name))]
}

function mergeAgent(known: AgentParameters | undefined, own: Json, where: string): AgentParameters {
  const template: Json = { ...DEFAULT_PARAMETERS.agents[0] }
  const merged = { ...known, ...like(template, own, where) } as AgentParameters
  const missing = Object.keys(template).filter((key) => !(key in merged) && !OPTIONAL_OF_AGENT.includes(key))
  if (missing.length > 0) throw new UsageError(`${where}: a new agent must be whole; add ${missing.join(', ')}`)
  if (!PROFILES.includes(merged.profile))
    throw new UsageError(`${where}.profile: "${merged.profile}" is none; write ${PROFILES.join(', ')}`)
  return merged
}

function mergeClass(known: IncidentClass | undefined, own: Json, where: string): IncidentClass {
  const template: Json = { name: '', agents: [''], minutes: 0, cause: '', effect: EFFECTS, alerts: [''] }
  const merged = { ...known, ...like(template, own, where) } as IncidentClass
  const missing = Object.keys(template).filter((key) => !(key in merged))
  if (missing.length > 0) throw new UsageError(`${where}: a new class must be whole; add ${missing.join(', ')}`)
  return merged
}

/** The given fields, each of the template's kind; objects inside are laid over the template's but for effects, which stand alone. */
function like(template: Json, given: Json, where: string): Json {
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(given)) {
    const expected = template[key]
    const at = `${where}.${key}`
    if (expected === undefined) throw new UsageError(`${at}: no such key; write one of ${Object.keys(template).join(', ')}`)
    if (Array.isArray(expected) ? !Array.isArray(value) : typeof value !== typeof expected)
      throw new UsageError(`${at}: ${JSON.stringify(value)} is no ${Array.isArray(expected) ? 'list' : typeof expected}`)
    if (typeof value === 'number' && (!Number.isFinite(value) || (value < 0 && key !== 'passAdd')))
      throw new UsageError(`${at}: ${value} is below 0`)
    const isObject = typeof expected === 'object' && !Array.isArray(expected)
    out[key] = !isObject
      ? value
      : { ...(expected === EFFECTS ? {} : (expected as Json)), ...like(expected as Json, objectAt(value, at), at) }
  }
  return out
}

function objectAt(value: unknown, where: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UsageError(`${where}: write an object, { … }`)
  return value as Json
}
