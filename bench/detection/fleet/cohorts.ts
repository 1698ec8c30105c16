/** Which prompt version and model an agent runs with, minute by minute: deploys, incidents that are releases, canaries, swapped models. */
import type { HealthyEvent, PlannedIncident } from './schedule.ts'

export interface Cohort {
  readonly promptVersion: string
  readonly model: string
  /** Where these change, too; fixed in fleets that only ask what is detected. */
  readonly toolsVersion?: string
  readonly agentVersion?: string
}

export interface Timeline {
  /** Cohort of a run that starts in a minute; `isCanary` when it is one of the incident's new version. */
  at(minute: number, incident: PlannedIncident | undefined, isCanary: boolean): Cohort
}

const MODEL = 'atlas-2'
const OTHER_MODEL = 'atlas-2-mini'

/** Versions count up with every deploy and every release that is an incident; a rolled back release gives way to the one before it. */
export function cohortTimeline(deploys: readonly HealthyEvent[], incidents: readonly PlannedIncident[]): Timeline {
  const steps = [
    ...deploys.map((d) => ({ at: d.start, incident: undefined })),
    ...incidents
      .filter((i) => i.incidentClass.effect.newPrompt === true || i.incidentClass.effect.canary !== undefined)
      .map((incident) => ({ at: incident.start, incident })),
  ].toSorted((a, b) => a.at - b.at)
  const released = new Map<PlannedIncident, string>()
  const current: { readonly from: number; readonly version: string }[] = [{ from: 0, version: 'v1' }]
  for (const [i, step] of steps.entries()) {
    if (step.incident === undefined) current.push({ from: step.at, version: `v${i + 2}` })
    else released.set(step.incident, `v${i + 2}`)
  }
  return {
    at: (minute, incident, isCanary) => {
      const deployed = current.findLast((c) => c.from <= minute)?.version ?? 'v1'
      const effect = incident?.incidentClass.effect
      const own = incident === undefined ? undefined : released.get(incident)
      const promptVersion = own !== undefined && (effect?.newPrompt === true || isCanary) ? own : deployed
      return { promptVersion, model: effect?.modelSwap === true && incident?.isAnnounced === true ? OTHER_MODEL : MODEL }
    },
  }
}
