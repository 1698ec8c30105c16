/**
 * getPrompt() and getConfig(): the active release of the agent's prompts and configuration, from memory, without a restart. What is read is on
 * the run's spans as `gen_ai.prompt.name` and `.version`, so that a cohort comparison sees it.
 */
import { contained } from './log.ts'
import { runtime } from './runtime.ts'

export interface ReleaseOptions<T> {
  /** What to use while no release is active; an application should always have one. */
  readonly default?: T
  /** Agent whose release is read; the current run's when left out. */
  readonly agent?: string
}

/** Text of a prompt of the active release, else the default. */
export function getPrompt(name: string, options: ReleaseOptions<string> & { readonly default: string }): string
export function getPrompt(name: string, options?: ReleaseOptions<string>): string | undefined
export function getPrompt(name: string, options: ReleaseOptions<string> = {}): string | undefined {
  return contained('getPrompt', () => read(options.agent, (release) => own(release.prompts, name), name)) ?? options.default
}

/** A value of the active release's configuration, else the default. */
export function getConfig<T>(name: string, options: ReleaseOptions<T> & { readonly default: T }): T
export function getConfig<T>(name: string, options?: ReleaseOptions<T>): T | undefined
export function getConfig<T>(name: string, options: ReleaseOptions<T> = {}): T | undefined {
  return (contained('getConfig', () => read(options.agent, (release) => own(release.config, name))) as T | undefined) ?? options.default
}

/** A value under a name of the release's own: `constructor` is none. */
function own<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

type Active = NonNullable<ReturnType<ReturnType<typeof runtime>['guards']['controls']['release']>>

function read<T>(agent: string | undefined, pick: (release: Active) => T | undefined, promptName?: string): T | undefined {
  const { runs, guards } = runtime()
  const run = runs.locate(Date.now()).run
  const release = guards.controls.release(agent ?? run?.agent ?? runs.defaults.agent)
  const value = release === undefined ? undefined : pick(release)
  if (release === undefined || value === undefined) return undefined
  if (run !== undefined && (agent === undefined || agent === run.agent)) {
    run.release = release.version
    if (promptName !== undefined) run.promptName = promptName
  }
  return value
}
