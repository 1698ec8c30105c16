/**
 * Releases: state + publish, activate or roll back → new state and its audit entry, or a refusal with its reason. Pure.
 * A release never changes: its version stands for its content. Activations are a stack per agent: rolling back takes the top off, so
 * rolling back twice goes two releases back and not to and fro.
 */
import type { Release, ReleaseDocument } from '../model/release.ts'
import type { Asked, AuditEntry } from './audit.ts'
import { canonicalJson, contentHash, nesting, sha256 } from './canonical.ts'
import type { Refused } from './controls.ts'

export interface PublishedRelease extends Release {
  /** SHA-256 of the content, whatever it is called. */
  readonly hash: string
  readonly publishedMs: number
  readonly actor: string
}

export interface AgentReleases {
  /** By version, oldest first. */
  readonly releases: ReadonlyMap<string, PublishedRelease>
  /** Versions in the order they were activated; the last one is active. */
  readonly activations: readonly string[]
}

export type ReleaseState = ReadonlyMap<string, AgentReleases>
export const NO_RELEASES: ReleaseState = new Map()

/** What a publisher sends; without a version the content names itself. */
export type ReleaseDraft = Omit<Release, 'version'> & { readonly version?: string }

export interface ReleaseLimits {
  /** Releases kept of one agent; the oldest that nothing needs is forgotten for the next one. */
  readonly maxReleases: number
  readonly maxBytes: number
  /** Versions that controls in force hold. */
  readonly held: ReadonlySet<string>
}

export const RELEASE_REFUSALS = [
  'no_agent',
  'empty_release',
  'too_deep',
  'too_large',
  'version_taken',
  'too_many',
  'unknown_agent',
  'unknown_version',
  'already_active',
  'nothing_before',
  'not_active',
  'not_before',
] as const
export type ReleaseRefusal = (typeof RELEASE_REFUSALS)[number]

export interface Published {
  readonly ok: true
  readonly state: ReleaseState
  readonly release: PublishedRelease
  /** Absent when the same content was there already under this version: nothing changed. */
  readonly entry?: AuditEntry
  readonly forgotten: readonly string[]
}
export interface Activated {
  readonly ok: true
  readonly state: ReleaseState
  readonly entry: AuditEntry
  readonly active: string
  readonly former: string | undefined
}

/** Activations remembered for rolling back. */
const MAX_ACTIVATIONS = 20
const MAX_NESTING = 16

/** Adds a release. Publishing the same again changes nothing; other content under a version that is taken is refused. */
export function publishRelease(
  state: ReleaseState,
  draft: ReleaseDraft,
  asked: Asked,
  limits: ReleaseLimits,
): Published | Refused<ReleaseRefusal> {
  const wrong = misfit(draft, limits)
  if (wrong !== undefined) return wrong
  const { agent, prompts, config, model } = draft
  const content = { prompts, config, ...(model === undefined ? {} : { model }) }
  const hash = contentHash(content)
  const version = draft.version ?? hash.slice(0, 12)
  const known = state.get(agent) ?? { releases: new Map<string, PublishedRelease>(), activations: [] }
  const taken = known.releases.get(version)
  if (taken !== undefined && taken.hash === hash) return { ok: true, state, release: taken, forgotten: [] }
  if (taken !== undefined)
    return refused(
      'version_taken',
      `${version} of ${agent} stands for other content; a release never changes, give this one another version`,
    )
  const forgotten = surplus(known, limits)
  if (forgotten === undefined)
    return refused('too_many', `all ${limits.maxReleases} releases of ${agent} are needed for rolling back; raise controls.max_releases`)
  const release: PublishedRelease = { agent, version, ...content, hash, publishedMs: asked.now, actor: asked.actor }
  const releases = new Map([...known.releases].filter(([v]) => !forgotten.includes(v)))
  releases.set(version, release)
  return {
    ok: true,
    state: new Map([...state, [agent, { ...known, releases }]]),
    release,
    forgotten,
    entry: { ...entryOf('publish', agent, version, asked), ...(forgotten.length === 0 ? {} : { removed: forgotten }) },
  }
}

/** Makes a published release the one that the agent reads. */
export function activateRelease(state: ReleaseState, agent: string, version: string, asked: Asked): Activated | Refused<ReleaseRefusal> {
  const known = state.get(agent)
  if (known === undefined) return refused('unknown_agent', `no release of ${agent} was published`)
  if (!known.releases.has(version))
    return refused('unknown_version', `${agent} has no release ${version}; published: ${[...known.releases.keys()].join(', ')}`)
  const former = known.activations.at(-1)
  if (former === version) return refused('already_active', `${version} of ${agent} is active already`)
  const activations = [...known.activations, version].slice(-MAX_ACTIVATIONS)
  return {
    ok: true,
    state: new Map([...state, [agent, { ...known, activations }]]),
    entry: entryOf('activate', agent, version, asked),
    active: version,
    former,
  }
}

/** Where to roll back to, as it was chosen while `from` was active. */
export interface RollbackTarget {
  readonly from: string
  readonly version: string
}

/** Makes a release that was active before active again: the last one, or the one that was chosen while nothing else changed. */
export function rollbackRelease(
  state: ReleaseState,
  agent: string,
  asked: Asked,
  to?: RollbackTarget,
): Activated | Refused<ReleaseRefusal> {
  const known = state.get(agent)
  if (known === undefined) return refused('unknown_agent', `no release of ${agent} was published`)
  const { activations } = known
  const [former, last] = [activations.at(-1), activations.at(-2)]
  if (to !== undefined && to.from !== former)
    return refused(
      'not_active',
      `${agent} reads ${former ?? 'no release'} by now, and no longer ${to.from}, which was to be rolled back; look again`,
    )
  if (last === undefined || former === undefined)
    return refused('nothing_before', `no other release of ${agent} was active before; activate one by its version`)
  const before = to?.version ?? last
  const back = rolledBack(activations, before)
  if (back === undefined || before === former)
    return refused('not_before', `${before} of ${agent} was not active before ${former}; activate it by its version`)
  return {
    ok: true,
    state: new Map([...state, [agent, { ...known, activations: back }]]),
    entry: entryOf('rollback', agent, before, asked),
    active: before,
    former,
  }
}

/** The stack with everything above the last `version` that is not on top taken off. */
function rolledBack(activations: readonly string[], version: string): readonly string[] | undefined {
  const at = activations.slice(0, -1).lastIndexOf(version)
  return at < 0 ? undefined : activations.slice(0, at + 1)
}

/** The version that is active, where one is. */
export function activeVersion(state: ReleaseState, agent: string): string | undefined {
  return state.get(agent)?.activations.at(-1)
}

/** What the flag `agent.NAME.release_document` carries for a version. */
export function releaseDocument(known: AgentReleases, version: string): ReleaseDocument | undefined {
  const release = known.releases.get(version)
  if (release === undefined) return undefined
  const texts: Record<string, string> = {}
  for (const r of known.releases.values()) Object.assign(texts, hashesOf(r))
  const { agent, prompts, config, model } = release
  return { agent, version, prompts, config, ...(model === undefined ? {} : { model }), known: texts }
}

const hashes = new WeakMap<PublishedRelease, Readonly<Record<string, string>>>()

/** Hash of each prompt text → its name. Kept per release: the document is made anew whenever any control changes. */
function hashesOf(release: PublishedRelease): Readonly<Record<string, string>> {
  let found = hashes.get(release)
  if (found === undefined) {
    found = Object.fromEntries(Object.entries(release.prompts).map(([name, text]) => [sha256(text), name]))
    hashes.set(release, found)
  }
  return found
}

export interface ReleaseChange {
  /** `model`, `prompts.NAME` or `config.KEY`. */
  readonly path: string
  readonly kind: 'added' | 'removed' | 'changed'
}

/** What differs from one release to the next, by path; the content itself is left out. */
export function diffReleases(from: Release | undefined, to: Release): readonly ReleaseChange[] {
  const before = pathsOf(from)
  const after = pathsOf(to)
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path): ReleaseChange[] => {
    if (!before.has(path)) return [{ path, kind: 'added' }]
    if (!after.has(path)) return [{ path, kind: 'removed' }]
    return before.get(path) === after.get(path) ? [] : [{ path, kind: 'changed' }]
  })
}

/** The activations that audit entries, oldest first, lead to. */
export function replayActivations(entries: Iterable<AuditEntry>): ReadonlyMap<string, readonly string[]> {
  const byAgent = new Map<string, readonly string[]>()
  for (const { action, agent, target } of entries) {
    const stack = byAgent.get(agent) ?? []
    if (action === 'activate') byAgent.set(agent, [...stack, target].slice(-MAX_ACTIVATIONS))
    else if (action === 'rollback') byAgent.set(agent, rolledBack(stack, target) ?? stack.slice(0, -1))
  }
  return byAgent
}

function misfit(draft: ReleaseDraft, limits: ReleaseLimits): Refused<ReleaseRefusal> | undefined {
  const { agent, prompts, config, model } = draft
  if (agent === '') return refused('no_agent', 'a release names its agent')
  if (Object.keys(prompts).length === 0 && Object.keys(config).length === 0 && model === undefined)
    return refused('empty_release', 'a release holds prompts, config or a model; this one has none')
  if (nesting(config, MAX_NESTING) > MAX_NESTING) return refused('too_deep', `config is nested more than ${MAX_NESTING} deep`)
  const bytes = Buffer.byteLength(canonicalJson({ prompts, config, model }))
  if (bytes > limits.maxBytes)
    return refused('too_large', `the release has ${bytes} bytes, more than the ${limits.maxBytes} of controls.max_release_bytes`)
  return undefined
}

/** Oldest releases over the limit that are neither active, nor needed for rolling back, nor held; undefined when that does not make room. */
function surplus(known: AgentReleases, limits: ReleaseLimits): readonly string[] | undefined {
  const over = known.releases.size + 1 - limits.maxReleases
  if (over <= 0) return []
  const free = [...known.releases.keys()].filter((v) => !known.activations.includes(v) && !limits.held.has(v))
  return free.length < over ? undefined : free.slice(0, over)
}

function pathsOf(release: Release | undefined): ReadonlyMap<string, string> {
  if (release === undefined) return new Map()
  const { prompts, config, model } = release
  return new Map([
    ...Object.entries(prompts).map(([name, text]) => [`prompts.${name}`, text] as const),
    ...Object.entries(config).map(([key, value]) => [`config.${key}`, canonicalJson(value)] as const),
    ...(model === undefined ? [] : [['model', model] as const]),
  ])
}

function entryOf(action: 'publish' | 'activate' | 'rollback', agent: string, version: string, asked: Asked): AuditEntry {
  const { now: atMs, actor, reason, via, id = '' } = asked
  return { atMs, action, control: 'release', id, agent, target: version, environment: '', reason, actor, via }
}

function refused(because: ReleaseRefusal, detail: string): Refused<ReleaseRefusal> {
  return { ok: false, because, detail }
}
