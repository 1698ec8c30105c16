/** What stands about the agent of an incident, from the control plane and the configuration: what playbooks and people decide over. */
import type { Standing } from '../../incidents/actions/action.ts'
import type { NoChoice, RollbackChoice } from '../../control/known-good.ts'
import type { ControlPlane } from '../controls/plane.ts'

export interface StandingParts {
  readonly plane: Pick<ControlPlane, 'controls' | 'releases' | 'notLoaded'>
  /** Which release to go back to. Never rejects. */
  readonly choose: (agent: string) => Promise<RollbackChoice | NoChoice>
  readonly fallbackOf: (agent: string) => string | undefined
}

export interface StandingQuestion {
  readonly agent: string
  readonly environment: string
  readonly now: number
  /** Whether it matters which release to go back to: to choose may take seconds. */
  readonly choosing: boolean
}

/** Controls that could not be read are not absent: everything about releases is unknown then. */
export async function standingOf(parts: StandingParts, { agent, environment, now, choosing }: StandingQuestion): Promise<Standing> {
  const { plane, choose, fallbackOf } = parts
  const fallback = fallbackOf(agent)
  const common = {
    controls: plane
      .controls(now)
      .filter((c) => (c.agent === agent || c.agent === '') && (c.environment === '' || c.environment === environment)),
    ...(fallback === undefined ? {} : { fallback }),
  }
  if (plane.notLoaded !== undefined) return common
  const known = plane.releases(agent)
  const active = known?.activations.at(-1)
  const model = active === undefined ? undefined : known?.releases.get(active)?.model
  const choice = active === undefined || !choosing ? undefined : await choose(agent)
  return {
    ...common,
    activeRelease: active ?? null,
    releases: [...(known?.releases.keys() ?? [])],
    ...(model === undefined ? {} : { activeModel: model }),
    ...(choice === undefined ? {} : { rollbackTo: choice.ok ? { version: choice.version, text: choice.text } : { none: choice.detail } }),
  }
}
