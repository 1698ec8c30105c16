/**
 * The callback handler that LangChain's managers are given: it tells the run tree, and nothing else. It awaits, because LangChain runs other
 * handlers later from a queue, when the code they tell of is long elsewhere; it is synchronous and never throws.
 * Models, tools and retrievers are seen where they are called (models.ts, tools.ts): a handler sees them, but cannot run them in a context.
 */
import { contained } from '../../log.ts'
import { calling, chainEnded, chainStarted, lay, lies } from './places.ts'

type Metadata = Readonly<Record<string, unknown>> | undefined
const PLACE = 'langchain handler'

const startOfCall = (_about: unknown, _input: unknown, runId: string): void =>
  contained(PLACE, () => {
    const place = calling.getStore()
    if (place !== undefined) lies(runId, place)
  })
const endOfCall = (_what: unknown, runId: string): void => contained(PLACE, () => lay(runId))

export const handler = {
  name: 'agentopz',
  awaitHandlers: true,
  raiseError: false,
  ignoreLLM: true,
  ignoreChain: false,
  ignoreAgent: false,
  ignoreRetriever: false,
  ignoreCustomEvent: true,
  lc_serializable: false,
  copy: (): unknown => handler,
  toJSON: (): unknown => ({ lc: 1, type: 'not_implemented', id: ['agentopz'] }),
  handleChainStart: (...args: readonly unknown[]): void =>
    contained(PLACE, () => {
      const [, , runId, parentRunId, , metadata, , runName] = args
      chainStarted(
        {
          runId: String(runId),
          parentRunId: text(parentRunId),
          agent: text((metadata as Metadata)?.['lc_agent_name']),
          runName: text(runName),
        },
        Date.now(),
      )
    }),
  handleChainEnd: (_output: unknown, runId: string): void => contained(PLACE, () => chainEnded(runId)),
  handleChainError: (error: unknown, runId: string): void =>
    contained(PLACE, () => chainEnded(runId, error ?? new Error('the chain failed'))),
  handleToolStart: startOfCall,
  handleToolEnd: endOfCall,
  handleToolError: endOfCall,
  handleRetrieverStart: startOfCall,
  handleRetrieverEnd: endOfCall,
  handleRetrieverError: endOfCall,
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
