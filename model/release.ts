/**
 * A release: one immutable, named version of an agent's prompts and configuration, read by the agent while it runs.
 * Content-addressed: `version` is what its publisher called it, or the first 12 hex digits of the SHA-256 of its canonical JSON.
 */

export interface Release {
  readonly agent: string
  readonly version: string
  /** Prompt texts by name; `system` is the one that pinning replaces where nothing else is said. */
  readonly prompts: Readonly<Record<string, string>>
  /** Anything else that the agent reads: temperature, tool choice, limits. */
  readonly config: Readonly<Record<string, unknown>>
  /** Model that pinning sets on requests, when the operator of the agent allowed pinning. */
  readonly model?: string
}

/** What travels in the flag `agent.NAME.release_document`: the active release, and by which texts the others are known. */
export interface ReleaseDocument extends Release {
  /** SHA-256 (hex) of a prompt text of any release of this agent → the name of the prompt it is a version of. */
  readonly known: Readonly<Record<string, string>>
}
