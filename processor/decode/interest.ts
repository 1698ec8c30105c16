/**
 * Which spans are worth a view. A span is of interest when one of these holds, in either encoding and in any order of fields:
 * an attribute key starts with a GenAI prefix (model/semconv.ts), its scope is a dialect's, its service is an agent's own command line,
 * or an event on it is a `gen_ai.` one. Keys without such a prefix (`error.type`, `session.id`, `name`, `model` …) never decide, even
 * where a dialect reads them: HTTP and database spans carry them too, and the dialects that use them are known by scope or service.
 */
import { GEN_AI_PREFIXES } from '../../model/semconv.ts'
import type { Interest } from './decode.ts'

/** Services whose every span is theirs: these command lines name their service, not their scope. */
export const DEFAULT_SERVICES: readonly string[] = ['claude-code', 'codex_exec', 'codex_cli_rs', 'codex-app-server', 'codex-tui', 'codex']

/** Events that only GenAI spans carry: `gen_ai.evaluation.result`, `gen_ai.choice`, the message events of older conventions. */
export const EVENT_PREFIX = 'gen_ai.'

/** The rule as predicates over decoded strings. */
export interface InterestTest {
  key(key: string): boolean
  scope(name: string): boolean
  service(name: string | undefined): boolean
  event(name: string): boolean
}

/** Builds the rule from what the dialects declare. */
export function createInterestTest(interest: Interest): InterestTest {
  const scope = matcher(interest.scopes)
  const service = matcher(interest.services ?? DEFAULT_SERVICES)
  return {
    key: isKeyOfInterest,
    scope,
    service: (name) => name !== undefined && service(name),
    event: (name) => name.startsWith(EVENT_PREFIX),
  }
}

/** Exact names, or a prefix where the pattern ends in `*`. */
function matcher(patterns: readonly string[]): (name: string) => boolean {
  const exact = new Set(patterns.filter((p) => !p.endsWith('*')))
  const prefixes = patterns.filter((p) => p.endsWith('*')).map((p) => p.slice(0, -1))
  return (name) => exact.has(name) || prefixes.some((p) => name.startsWith(p))
}

/** Which two letters prefixes of interest begin with: hardly any other key does. Letters are taken by their last five bits. */
const FIRST_LETTERS = new Uint8Array(1024)
for (const prefix of GEN_AI_PREFIXES) FIRST_LETTERS[lettersOf(prefix)] = 1

function lettersOf(key: string): number {
  return ((key.charCodeAt(0) & 31) << 5) | (key.charCodeAt(1) & 31)
}

/** The rule for one key, where nearly all are told by two letters. */
export function isKeyOfInterest(key: string): boolean {
  return FIRST_LETTERS[lettersOf(key)] === 1 && GEN_AI_PREFIXES.some((p) => key.startsWith(p))
}
