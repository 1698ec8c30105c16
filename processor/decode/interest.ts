/**
 * Which spans are worth a view. A span is of interest when an attribute key has a GenAI prefix or one that a dialect declares, when its
 * scope or service is a dialect's, or when an event on it is GenAI. Generic keys (`error.type`, `session.id`, `name` …) never decide:
 * HTTP and database spans carry them too.
 */
import { GEN_AI_PREFIXES } from '../../model/semconv.ts'
import type { Interest } from './decode.ts'

/** Services whose every span is theirs: the CLIs name their service, not their scope. */
const SERVICES: ReadonlySet<string> = new Set(['claude-code', 'codex_exec', 'codex_cli_rs', 'codex-app-server', 'codex-tui', 'codex'])

export class InterestTest {
  readonly #exactScopes = new Set<string>()
  readonly #scopePrefixes: string[] = []

  constructor(interest: Interest) {
    for (const scope of interest.scopes) {
      if (scope.endsWith('*')) this.#scopePrefixes.push(scope.slice(0, -1))
      else this.#exactScopes.add(scope)
    }
  }

  scope(name: string): boolean {
    return name !== '' && (this.#exactScopes.has(name) || this.#scopePrefixes.some((p) => name.startsWith(p)))
  }

  service(name: string | undefined): boolean {
    return name !== undefined && SERVICES.has(name)
  }

  key(key: string): boolean {
    return GEN_AI_PREFIXES.some((p) => key.startsWith(p))
  }

  event(name: string): boolean {
    return name.startsWith('gen_ai.')
  }
}
