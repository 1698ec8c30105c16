/** Settings of a control plane and of incidents that no test is about: bounds far away, the times of the defaults. A test gives what it is about. */
import type { PlaneSettings } from '../../app/controls/plane.ts'
import type { LifecycleSettings } from '../../incidents/state.ts'

const MINUTE = 60_000

export function planeSettings(more: Partial<PlaneSettings> = {}): PlaneSettings {
  return {
    flags: { lostAfterSeconds: 60, whenLost: 'keep', agents: new Map(), tools: new Map() },
    maxControls: 10_000,
    maxReleases: 100,
    maxReleaseBytes: 10_000,
    maxDocumentBytes: 10_000_000,
    ...more,
  }
}

export function incidentSettings(more: Partial<LifecycleSettings> = {}): LifecycleSettings {
  return {
    mergeWindowMs: 30 * MINUTE,
    resolveAfterMs: 10 * MINUTE,
    reopenWithinMs: 60 * MINUTE,
    maxIncidents: 100,
    maxAlerts: 50,
    maxTimeline: 200,
    newId: () => 'inc_1',
    isDrill: () => false,
    lastDisabledMs: () => undefined,
    ...more,
  }
}
