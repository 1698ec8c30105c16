/**
 * The program of the drill agents: started as a user starts one (`node --import agentopz/register`), it runs every agent that it is told of, by
 * name, at its rate, until its parent is gone. What is under drill (guards, releases, fallbacks, spans) is the instrumentation's own; this file
 * only behaves as an application does. Conditions come from the drill over IPC, reports of runs go back.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { getConfig, getPrompt, guardTool, recordEvaluation, runAgent } from '../../instrumentation/index.ts'
import { CHECK, type Conditions, FALLBACK, type FromAgent, OTHER_TOOL, PROMPTS, type RunReport, TOOL, type ToAgent } from './conditions.ts'
import { RUNAWAY } from './model.ts'
import { type Complete, findSdk, type Message, type ToolCall } from './sdk.ts'

const MAX_STEPS = 12
const MAX_RUNAWAY_STEPS = 2000
/** A run away takes its time, as one that does real work does. */
const RUNAWAY_PAUSE_MS = 250
/** Runs of one agent under way. */
const MAX_AT_ONCE = 30
const TOOL_MS = 100
const REPORT_MS = 250
const LETTER =
  'I have written before and nobody has answered me in a way that helps, so I describe everything once more from the beginning. '

interface Agent {
  readonly name: string
  readonly complete: Complete
  conditions: Conditions
  running: number
}

const agents = new Map<string, Agent>()
let reports: RunReport[] = []

function send(message: FromAgent): void {
  // A parent that is gone cannot be told; `disconnect` ends us.
  if (process.connected) process.send?.(message, () => undefined)
}

/** Runs an agent, run by run, at random times. */
async function live(agent: Agent): Promise<void> {
  for (let n = 0; ; n++) {
    const { runsPerSecond } = agent.conditions
    if (runsPerSecond <= 0) {
      await sleep(200)
      continue
    }
    await sleep((-Math.log(1 - Math.random()) * 1000) / runsPerSecond)
    if (agent.running < MAX_AT_ONCE) void oneRun(agent, question(agent.conditions))
  }
}

function question({ inputs }: Conditions): string {
  const order = Math.floor(Math.random() * 1e6)
  return inputs === 'usual'
    ? `Where is my order ${order}?`
    : `About my order ${order}. ${LETTER.repeat(40 + Math.floor(Math.random() * 20))}`
}

async function oneRun(agent: Agent, asked: string): Promise<void> {
  const beganMs = Date.now()
  agent.running++
  let release: string | undefined
  let answered: RunReport['answered'] = 'error'
  try {
    const text = await runAgent(agent.name, { version: '1.0.0' }, async () => {
      release = getConfig<string>('release')
      return answer(agent, asked)
    })
    answered = text === FALLBACK ? 'fallback' : 'model'
  } catch {
    // The caller of a real agent gets an error; the report says so.
  } finally {
    agent.running--
    reports.push({ agent: agent.name, beganMs, endedMs: Date.now(), answered, ...(release === undefined ? {} : { release }) })
  }
}

/** A loop over a plain SDK: ask, call the tools that are asked for, ask again. */
async function answer(agent: Agent, asked: string): Promise<string> {
  const messages: Message[] = [
    { role: 'system', content: getPrompt('system', { default: PROMPTS.good }) },
    { role: 'user', content: asked },
  ]
  const isRunaway = asked.startsWith(RUNAWAY)
  for (let step = 0; step < (isRunaway ? MAX_RUNAWAY_STEPS : MAX_STEPS); step++) {
    const { model, toolVersion } = agent.conditions
    const completion = await agent.complete({ model, messages, tools: schemas(toolVersion) })
    const [choice] = completion.choices
    if (choice === undefined) throw new Error('the provider answered without a choice')
    const { message } = choice
    const calls = message.tool_calls ?? []
    if (calls.length === 0) {
      const text = message.content ?? ''
      if (text !== FALLBACK) recordEvaluation(CHECK, { label: /\[\w+\]/.test(text) ? 'pass' : 'fail' })
      return text
    }
    messages.push(message)
    for (const call of calls) messages.push({ role: 'tool', tool_call_id: call.id, content: await called(agent, call) })
    if (isRunaway) await sleep(RUNAWAY_PAUSE_MS)
  }
  throw new Error('no answer after so many steps')
}

/** What the model reads of a tool call: its result, or that it failed. */
async function called(agent: Agent, { function: { name, arguments: given } }: ToolCall): Promise<string> {
  try {
    const work = name === TOOL ? search : readPolicy
    const result = await work(JSON.parse(given) as Readonly<Record<string, string>>, agent)
    return JSON.stringify(result)
  } catch (error) {
    return `error: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Guarded with the arguments alone: whose conditions hold is none of the tool's arguments. */
function tool(
  name: string,
  work: (given: Readonly<Record<string, string>>, agent: Agent) => Promise<unknown>,
  fallback: () => Promise<unknown>,
): (given: Readonly<Record<string, string>>, agent: Agent) => Promise<unknown> {
  return (given, agent) => guardTool(name, async (args: Readonly<Record<string, string>>) => work(args, agent), { fallback })(given)
}

const search = tool(
  TOOL,
  async (given, { conditions }) => {
    await sleep(TOOL_MS * (0.7 + 0.6 * Math.random()))
    const { toolVersion, toolFailing, toolEmpty, isRunaway } = conditions
    if (Math.random() < toolFailing) throw new Error('connect ECONNREFUSED: the order service does not answer')
    const wanted = toolVersion === 1 ? 'query' : 'customer_id'
    if (given[wanted] === undefined) throw new Error(`missing argument ${wanted}`)
    if (Math.random() < toolEmpty) return []
    return [{ order: given[wanted], state: 'sent', note: isRunaway ? LETTER.repeat(6) : 'Tuesday' }]
  },
  // Last night's copy: older, and there.
  async () => [{ order: 'copy of last night', state: 'sent' }],
)
const readPolicy = tool(
  OTHER_TOOL,
  async () => {
    await sleep(TOOL_MS * (0.7 + 0.6 * Math.random()))
    return { policy: 'Orders may be sent back within thirty days.' }
  },
  async () => ({ policy: 'thirty days' }),
)

function schemas(version: Conditions['toolVersion']): readonly object[] {
  const one = (name: string, description: string, argument: string): object => ({
    type: 'function',
    function: {
      name,
      description,
      parameters: { type: 'object', properties: { [argument]: { type: 'string' } }, required: [argument] },
    },
  })
  const search = version === 1 ? one(TOOL, 'Finds orders by what the customer wrote', 'query') : one(TOOL, 'Finds orders', 'customer_id')
  return [search, one(OTHER_TOOL, 'Reads a policy of the shop', 'topic')]
}

function take(message: ToAgent, complete: (agent: string) => Complete): void {
  if (message.kind === 'stop') process.exit(0)
  const { agent: name, conditions } = message
  const known = agents.get(name)
  if (known === undefined) {
    const agent: Agent = { name, complete: complete(name), conditions, running: 0 }
    agents.set(name, agent)
    void live(agent)
    return
  }
  const begins = conditions.isRunaway && !known.conditions.isRunaway
  known.conditions = conditions
  if (begins) void oneRun(known, `${RUNAWAY} of the last year.`)
}

// Killed or interrupted, the parent leaves us alone: nobody would end us then.
process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches the whole group; the parent ends us in its order.
process.on('SIGINT', () => undefined)
const sdk = await findSdk(process.cwd())
const base = process.env['AGENTOPZ_DRILL_PROVIDER'] ?? ''
process.on('message', (message) => take(message as ToAgent, (agent) => sdk.client(`${base}/${encodeURIComponent(agent)}/v1`)))
setInterval(() => {
  const runs = reports
  reports = []
  if (runs.length > 0) send({ kind: 'runs', runs })
}, REPORT_MS)
send({ kind: 'ready', sdk: sdk.name })
