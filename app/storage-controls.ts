/**
 * Controls, releases and their audit as they are stored: documents as JSON, with columns for who looks by hand. Releases never change, so
 * one that was read before is not read again.
 */
import type { Kysely, Transaction } from 'kysely'
import type { AuditEntry } from '../control/audit.ts'
import { byAge } from '../control/controls.ts'
import type { AgentReleases, PublishedRelease, ReleaseState } from '../control/releases.ts'
import type { Control } from '../model/control.ts'
import type { Tables } from './storage-migrations.ts'

export interface Stored {
  readonly controls: readonly Control[]
  readonly releases: ReleaseState
  /** Counts the changes; what is decided over it is written over it. */
  readonly revision: number
  /** Why nothing could be stored, where nothing is stored yet. */
  readonly problem?: string
}

/** One action's effect. */
export interface StorageChange {
  readonly audit: AuditEntry
  readonly putControl?: Control
  readonly removedControls?: readonly string[]
  readonly putRelease?: PublishedRelease
  readonly removedReleases?: { readonly agent: string; readonly versions: readonly string[] }
  readonly activations?: { readonly agent: string; readonly versions: readonly string[] }
  /** Of what it was decided over; without, it is written over whatever is there. */
  readonly revision?: number
}

/** Releases that were read before, by their position. */
export type ReleaseCache = Map<number, PublishedRelease>

export async function loadControls(t: Kysely<Tables>, cache: ReleaseCache): Promise<Pick<Stored, 'controls' | 'releases'>> {
  const controls = await t.selectFrom('controls').select('document').execute()
  const releases = await loadReleases(t, cache)
  const activations = await t.selectFrom('release_activations').selectAll().execute()
  const byAgent = new Map<string, AgentReleases>()
  for (const [agent, published] of Map.groupBy(releases, (r) => r.agent))
    byAgent.set(agent, { releases: new Map(published.map((r) => [r.version, r])), activations: [] })
  for (const { agent, versions } of activations) {
    const known = byAgent.get(agent)
    if (known !== undefined) byAgent.set(agent, { ...known, activations: JSON.parse(versions) as string[] })
  }
  return {
    controls: controls.map((r) => JSON.parse(r.document) as Control).sort(byAge),
    releases: byAgent,
  }
}

async function loadReleases(t: Kysely<Tables>, cache: ReleaseCache): Promise<readonly PublishedRelease[]> {
  const rows = await t.selectFrom('releases').select('position').orderBy('position').execute()
  const positions = rows.map((r) => Number(r.position))
  const there = new Set(positions)
  for (const position of cache.keys()) if (!there.has(position)) cache.delete(position)
  const missing = positions.filter((p) => !cache.has(p))
  for (let i = 0; i < missing.length; i += AT_ONCE) {
    const some = missing.slice(i, i + AT_ONCE)
    const found = await t.selectFrom('releases').select(['position', 'document']).where('position', 'in', some).execute()
    for (const { position, document } of found) cache.set(Number(position), JSON.parse(document) as PublishedRelease)
  }
  return positions.flatMap((p) => cache.get(p) ?? [])
}

/** Rows asked for at once: databases bound the number of parameters. */
const AT_ONCE = 500

export async function writeControls(t: Transaction<Tables>, change: StorageChange): Promise<void> {
  const { audit, putControl, removedControls = [], putRelease, removedReleases, activations } = change
  if (removedControls.length > 0) await t.deleteFrom('controls').where('id', 'in', removedControls).execute()
  if (putControl !== undefined)
    await t
      .insertInto('controls')
      .values({ id: putControl.id, document: JSON.stringify(putControl) })
      .execute()
  if (removedReleases !== undefined && removedReleases.versions.length > 0)
    await t.deleteFrom('releases').where('agent', '=', removedReleases.agent).where('version', 'in', removedReleases.versions).execute()
  if (putRelease !== undefined) {
    const { agent, version } = putRelease
    await t
      .insertInto('releases')
      .values({ agent, version, document: JSON.stringify(putRelease) })
      .execute()
  }
  if (activations !== undefined) {
    const versions = JSON.stringify(activations.versions)
    await t
      .insertInto('release_activations')
      .values({ agent: activations.agent, versions })
      .onConflict((c) => c.column('agent').doUpdateSet({ versions }))
      .execute()
  }
  const { atMs, action, control, agent, target, actor } = audit
  await t
    .insertInto('control_audit')
    .values({ at_ms: atMs, action, control, agent, target, actor, document: JSON.stringify(audit) })
    .execute()
}

/** The newest entries, newest first. */
export async function loadAudit(db: Kysely<Tables>, limit: number): Promise<readonly AuditEntry[]> {
  const rows = await db.selectFrom('control_audit').select('document').orderBy('seq', 'desc').limit(limit).execute()
  return rows.map((r) => JSON.parse(r.document) as AuditEntry)
}
