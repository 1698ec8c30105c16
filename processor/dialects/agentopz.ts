/**
 * Our own instrumentation: the GenAI conventions, with a span per HTTP attempt where the call was seen at the fetch layer. An attempt that SDKs
 * try again (408, 409, 429, 5xx, no answer) is folded into the call that came of it (R3); one that they give up on is a failed call.
 */
import { GENERAL } from '../../model/semconv.ts'
import { SPAN_KIND } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, genAi, readStandard, roleOf } from './gen-ai.ts'

const STATUS = 'http.response.status_code'

export const agentopz: Dialect = {
  name: 'agentopz',
  keys: [...GEN_AI_KEYS, STATUS],
  scopes: ['agentopz'],
  signs: [],
  comesFrom: (scope) => scope.name === 'agentopz',
  recognises: (span) => span.scope.name === 'agentopz' && genAi.recognises(span),
  read: (span) => {
    const reading = readStandard(span)
    const a = span.attributes
    if (roleOf(a) !== 'model' || span.kind !== SPAN_KIND.client || !a.has(GENERAL.serverAddress)) return reading
    const status = a.count(STATUS)
    const givenUp = status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429
    if (!givenUp) reading.perAttempt = true
    return reading
  },
}
