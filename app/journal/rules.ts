/**
 * What decides, beside an event itself, what comes of it: when runs close, what a body may hold. It is written with the events, so that a
 * start goes through them as they were gone through, whatever the configuration says by then; after them today's holds.
 */
import { isDeepStrictEqual } from 'node:util'
import type { DecodeLimits } from '../../processor/decode/decode.ts'
import type { RunLimits } from '../../processor/runs/runs.ts'

export interface Rules {
  readonly runs: RunLimits
  readonly decode: Partial<DecodeLimits>
}

export interface RulesParts {
  /** Today's. */
  readonly now: Rules
  /** Has events judged by these from now on. */
  use(rules: Rules): void
}

export class RulesInForce {
  readonly #parts: RulesParts | undefined
  #rules: Rules | undefined
  #today: Rules | undefined
  #isAsked = false

  constructor(parts: RulesParts | undefined) {
    this.#parts = parts
    this.#rules = this.#today = parts?.now
  }

  get rules(): Rules | undefined {
    return this.#rules
  }
  get today(): Rules | undefined {
    return this.#today
  }

  use(rules: Rules | undefined): void {
    if (rules === undefined || this.#parts === undefined || isDeepStrictEqual(rules, this.#rules)) return
    this.#parts.use(rules)
    this.#rules = rules
  }

  /** Bodies that come now are refused by what holds now; when runs close changes with the event that says so. */
  endReplay(): void {
    if (this.#rules !== undefined && this.#parts !== undefined) this.use({ ...this.#rules, decode: this.#parts.now.decode })
  }

  /** Has today's rules written and then used, by `submit`; where that fails, at the next call. @throws what `submit` throws. */
  async change(submit: (rules: Rules) => Promise<void>, today = this.#today): Promise<void> {
    this.#today = today
    if (this.#isAsked || this.#parts === undefined) return
    this.#isAsked = true
    try {
      while (this.#today !== undefined && !isDeepStrictEqual(this.#today, this.#rules)) await submit(this.#today)
    } finally {
      this.#isAsked = false
    }
  }
}
