/**
 * Release pins without a code change: at the fetch layer the model is set to the active release's and a system prompt that is known as a version
 * of one of its prompts is swapped for the active text. Only where AGENTOPZ_PIN allows it. What does not match is left alone: an interpolated
 * prompt has no known hash, and tools and graphs cannot be rolled back here.
 */
import { hash } from 'node:crypto'
import type { ReleaseDocument } from '../model/release.ts'
import { AGENTOPZ, GEN_AI } from '../model/semconv.ts'
import type { Json, Protocol } from './fetch/protocol.ts'
import { string } from './fetch/protocol.ts'
import { recordIntervention } from './interventions.ts'
import type { OpenCall } from './model-call.ts'
import type { RunScope } from './run-scope.ts'
import { runtime } from './runtime.ts'

export interface Pinned {
  /** The body to send; the very one that was handed in where nothing changes. */
  readonly body: Json
  /** Puts on record what the call runs on, and that it was changed where it was. */
  record(call: OpenCall): void
}

/** The request with the active release's model and prompts; undefined where the release says nothing about it. */
export function pinRequest(
  protocol: Protocol,
  body: Json,
  run: RunScope | undefined,
  pin: ReadonlySet<'model' | 'prompt'>,
): Pinned | undefined {
  const { guards, runs } = runtime()
  const release = guards.controls.release(run?.agent ?? runs.defaults.agent)
  if (release === undefined || protocol.rewrite === undefined) return undefined
  let promptName: string | undefined
  const rewritten = protocol.rewrite(body, {
    ...(pin.has('model') && release.model !== undefined ? { model: release.model } : {}),
    prompt: (text) => {
      const name = pin.has('prompt') ? nameOf(release, text) : undefined
      const active = name === undefined ? undefined : release.prompts[name]
      if (active === undefined) return undefined
      promptName = name
      return active === text ? undefined : active
    },
  })
  if (rewritten === undefined && promptName === undefined) return undefined
  const asked = string(body['model'])
  return {
    body: rewritten ?? body,
    record: ({ run: of, span }) => {
      of.release = release.version
      of.promptName = promptName
      span?.setAttributes({
        [GEN_AI.promptVersion]: release.version,
        ...(promptName === undefined ? {} : { [GEN_AI.promptName]: promptName }),
        ...(rewritten === undefined || asked === undefined || rewritten['model'] === asked ? {} : { [AGENTOPZ.pinnedFrom]: asked }),
      })
      if (rewritten === undefined) return
      recordIntervention(of, { guard: 'release_pin', cause: 'release', reason: `release ${release.version} is active` }, 'pinned', span)
    },
  }
}

/** The prompt that a text is a version of, by its SHA-256. */
function nameOf(release: ReleaseDocument, text: string): string | undefined {
  for (const [name, active] of Object.entries(release.prompts)) if (active === text) return name
  return release.known[hash('sha256', text)]
}
