import { outcome } from '../../shared/program.mjs'

const WEATHER = 'mcp__weather__get_weather'

function cast({ createSdkMcpServer, query, tool, z }) {
  const city = { city: z.string() }
  const text = (value) => ({ content: [{ type: 'text', text: value }] })
  /** A server of this process, made anew for each query as the SDK asks. */
  const weather = () =>
    createSdkMcpServer({
      name: 'weather',
      version: '1.0.0',
      tools: [
        tool('get_weather', 'weather of a city', city, async (args) => text(`${args.city}: 21C`)),
        tool('boom', 'fails', city, async () => {
          throw new Error('tool exploded')
        }),
      ],
    })
  const ask = (prompt, more = {}) =>
    query({ prompt, options: { model: 'claude-sonnet-5', settingSources: [], tools: [], persistSession: false, ...more } })
  const withTools = (names, more = {}) => {
    const allowedTools = names.map((name) => `mcp__weather__${name}`)
    const others = ['get_weather', 'boom'].map((name) => `mcp__weather__${name}`).filter((name) => !allowedTools.includes(name))
    return { mcpServers: { weather: weather() }, allowedTools, disallowedTools: others, ...more }
  }
  return { ask, withTools }
}

/** What an application reads of a message, without ids and times. */
function about(message) {
  const { type, subtype } = message
  if (type === 'assistant' || type === 'user') return { type, content: plainContent(message.message.content) }
  if (type !== 'result') return { type, subtype }
  const { is_error, num_turns, result, stop_reason, total_cost_usd, usage, errors, permission_denials } = message
  const { input_tokens, output_tokens, cache_read_input_tokens } = usage
  return {
    type,
    subtype,
    is_error,
    num_turns,
    result,
    stop_reason,
    total_cost_usd,
    input_tokens,
    output_tokens,
    cache_read_input_tokens,
    errors,
    permission_denials,
  }
}

const plainContent = (content) => (typeof content === 'string' ? content : content.map(({ id: _id, tool_use_id: _of, ...part }) => part))

async function read(query) {
  const messages = []
  const ended = await outcome(async () => {
    for await (const message of query) messages.push(about(message))
    return 'done'
  })
  return { messages: messages.filter((m) => m.type !== 'system' || m.subtype === 'init'), ended }
}

export function scenarios(sdk) {
  const { ask, withTools } = cast(sdk)
  return {
    run: async () => read(ask('hi')),
    'tool-loop': async () => read(ask('weather in Paris?', withTools(['get_weather']))),
    'tool-error': async () => read(ask('go', withTools(['boom']))),
    'max-turns': async () => read(ask('LOOPFOREVER', withTools(['get_weather'], { maxTurns: 2 }))),
    'error-400': async () => read(ask('hi', { model: 'fail-400' })),
    'named-agent': async () => {
      const agents = { forecaster: { description: 'tells the weather', prompt: 'be brief' } }
      return read(ask('weather in Paris?', withTools(['get_weather'], { agent: 'forecaster', agents })))
    },
    'own-hooks': async () => {
      const seen = []
      const hook = async (input) => (seen.push([input.hook_event_name, input.tool_name]), {})
      const hooks = { PreToolUse: [{ hooks: [hook] }], PostToolUse: [{ matcher: WEATHER, hooks: [hook] }] }
      return { ...(await read(ask('weather in Paris?', withTools(['get_weather'], { hooks })))), seen }
    },
    'stream-of-prompts': async () => {
      const { promise: answered, resolve } = Promise.withResolvers()
      async function* prompts() {
        yield { type: 'user', message: { role: 'user', content: 'hi' }, parent_tool_use_id: null }
        await answered
        yield { type: 'user', message: { role: 'user', content: 'and now?' }, parent_tool_use_id: null }
      }
      const query = ask(prompts())
      const messages = []
      for await (const message of query) {
        messages.push(about(message))
        if (message.type === 'result') resolve()
      }
      return messages.filter((m) => m.type !== 'system')
    },
    left: async () => {
      for await (const message of ask('hi')) if (message.type === 'assistant') return 'left'
      return 'not left'
    },
    closed: async () => {
      const query = ask('hi')
      let seen = 0
      for await (const message of query) if (message.type === 'assistant' && ++seen === 1) query.close()
      return seen
    },
    aborted: async () => {
      const abortController = new AbortController()
      return outcome(async () => {
        for await (const message of ask('hi', { model: 'hang', abortController })) if (message.type === 'system') abortController.abort()
        return 'done'
      })
    },
    'own-env': async () => {
      const env = { ...process.env, CLAUDE_CODE_ENABLE_TELEMETRY: '0' }
      return read(ask('hi', { env }))
    },
    shape: async () => {
      const query = ask('hi')
      const methods = ['next', 'return', 'throw', 'close', 'interrupt', 'setModel', 'supportedModels', 'mcpServerStatus']
      const types = methods.map((name) => typeof query[name])
      const iterable = typeof query[Symbol.asyncIterator] === 'function' && typeof query[Symbol.asyncDispose] === 'function'
      const first = await query.next()
      await query.return()
      const after = await query.next()
      return { types, iterable, first: about(first.value), after, name: sdk.query.name, arity: sdk.query.length }
    },
    'no-binary': async () => outcome(() => read(ask('hi', { pathToClaudeCodeExecutable: '/nowhere/claude' }))),
  }
}

export function guard(sdk) {
  const { ask, withTools } = cast(sdk)
  return { guard: async () => read(ask('LOOPFOREVER', withTools(['get_weather'], { maxTurns: 12 }))) }
}
