/**
 * What tests of storage store: a change of controls, a release, an incident, each with nothing in it that matters but what a test gives. Whole
 * records, for what comes back is compared with them.
 */
import type { StorageChange } from '../../app/storage.ts'
import type { AuditEntry } from '../../control/audit.ts'
import type { PublishedRelease } from '../../control/releases.ts'
import type { Incident } from '../../model/incident.ts'

/** A change with its line of the audit. */
export function storedChange(more: Partial<StorageChange> = {}, audit: Partial<AuditEntry> = {}): StorageChange {
  return {
    audit: {
      atMs: 1,
      action: 'set',
      control: 'agent',
      id: 'c1',
      agent: 'support',
      target: '',
      environment: '',
      reason: 'r',
      actor: 'a',
      via: 'v',
      ...audit,
    },
    ...more,
  }
}

export function storedRelease(version: string, text = version): PublishedRelease {
  return {
    agent: 'support',
    version,
    prompts: { system: text },
    config: { list: [1, 'é', null] },
    hash: version,
    publishedMs: 5,
    actor: 'ci',
  }
}

export function storedIncident(id: string, more: Partial<Incident> = {}): Incident {
  return {
    id,
    agent: 'support',
    environment: 'prod',
    team: '',
    state: 'open',
    severity: 'critical',
    title: 'x',
    drill: false,
    startedMs: 1,
    openedMs: 1_790_000_000_000,
    alerts: [],
    timeline: [],
    actions: [],
    ...more,
  }
}
