/**
 * `agentopz ready [AGENT]`: one row per agent, or every check of one with what to do. Exit code: 0 when every score is enough, 1 when one is
 * not, when it cannot be told, or when nobody answers, 2 for wrong options. The shapes here are the answers of HTTP (app/ready/routes.ts).
 */
import { isEnough, type ReadinessResult, type ReadinessState } from '../../incidents/readiness.ts'
import { type ClientOptions, runCommand, sayTable } from './control-client.ts'
import { print, printError, say } from './output.ts'

export interface ReadyOptions extends ClientOptions {
  readonly minScore?: number
}

interface AgentRow {
  readonly agent: string
  readonly environment: string
  readonly score?: number
  readonly lowest: number
  readonly highest: number
  readonly checks: readonly ReadinessResult[]
}
interface Answer {
  readonly min_score: number
  readonly agents: readonly AgentRow[]
}

const PATH = '/api/v1/readiness'
const WORD: Readonly<Record<ReadinessState, string>> = { ok: 'ok', weak: 'in part', failed: 'MISSING', unknown: 'unknown' }

export async function readyCommand(agent: string | undefined, o: ReadyOptions): Promise<number> {
  let isReady = true
  const code = await runCommand(
    o,
    async (client) => {
      const path = agent === undefined ? PATH : `${PATH}/${encodeURIComponent(agent)}`
      const given = (await client.ask('GET', path)) as Answer
      const answer = { ...given, min_score: o.minScore ?? given.min_score }
      isReady = answer.agents.every((a) => isEnough(a, answer.min_score) === 'yes')
      return {
        ...answer,
        agents: answer.agents.map((a) => ({ ...a, is_enough: isEnough(a, answer.min_score) })),
        is_enough: isReady,
      }
    },
    (answer) => {
      if (answer.agents.length === 0) return say('no agent is configured, and none has had a run since agentopz started')
      if (agent === undefined) showAll(answer)
      else for (const a of answer.agents) showOne(a)
      for (const a of answer.agents) verdict(a, answer.min_score)
    },
  )
  return code === 0 && !isReady ? 1 : code
}

function showAll({ agents }: Answer): void {
  sayTable(
    ['agent', 'environment', 'score', 'missing', 'in part', 'unknown'],
    agents.map((a) => [a.agent, a.environment, scoreText(a), ...(['failed', 'weak', 'unknown'] as const).map((s) => names(a, s))]),
  )
}

function showOne(a: AgentRow): void {
  print(`${nameOf(a)}: ${scoreText(a)} of 100\n\n`)
  sayTable(
    ['check', 'weight', 'is', ''],
    a.checks.flatMap((c) => [
      [c.check, String(c.weight), WORD[c.state], c.text],
      ...(c.advice === undefined ? [] : [['', '', '', `→ ${c.advice}`]]),
    ]),
  )
  say('')
}

/** On standard error, beside the exit code: why it is not 0. */
function verdict(a: AgentRow, least: number): void {
  const enough = isEnough(a, least)
  if (enough === 'yes') return
  const lies = a.lowest === a.highest ? `is ${a.lowest}` : `lies between ${a.lowest} and ${a.highest}, for not everything could be asked,`
  printError(
    `agentopz: the readiness of ${nameOf(a)} ${lies} and should be at least ${least}${enough === 'unknown' ? ': it cannot be told' : ''}\n`,
  )
}

function names(a: AgentRow, state: ReadinessState): string {
  return a.checks
    .filter((c) => c.state === state)
    .map((c) => c.check)
    .join(', ')
}

function scoreText({ score, lowest, highest }: AgentRow): string {
  if (score === undefined) return 'unknown'
  return lowest === highest ? String(score) : `${score} (${lowest} to ${highest})`
}

function nameOf({ agent, environment }: AgentRow): string {
  return environment === '' ? agent : `${agent} in ${environment}`
}
