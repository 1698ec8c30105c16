/** Every check of readiness in every state it can answer, in the words it answers with. */
import { describe, expect, test } from 'vitest'
import { type ReadinessCheck, Unanswered } from '../../../../app/ready/check.ts'
import { READINESS_CHECKS } from '../../../../app/ready/checks/index.ts'
import type { NoChoice, RollbackChoice } from '../../../../control/known-good.ts'
import type { AgentReleases } from '../../../../control/releases.ts'
import type { ReadinessAnswer, ReadinessState } from '../../../../incidents/readiness.ts'
import type { DrillRecord } from '../../../../model/drill.ts'
import { about, type Answers, DAY, HOUR, NOW, ROUTES } from './support.ts'

interface Case {
  readonly check: string
  readonly name: string
  readonly given: Answers
  readonly is: ReadinessState
  readonly says: RegExp
  readonly advises?: RegExp
}

const agent = (keys: string): string => `agents: { support: { ${keys} } }\n`
const active = (...activations: readonly string[]): AgentReleases => ({ releases: new Map(), activations })
const rollback = (choice: RollbackChoice | NoChoice, ...activations: readonly string[]): Answers => ({
  world: { releases: () => active(...activations), rollback: () => Promise.resolve(choice) },
})
const choice = (because: RollbackChoice['because'], text: string): RollbackChoice => ({
  ok: true,
  version: 'v1',
  from: 'v2',
  because,
  text,
  passedOver: [],
})
const reached = (isReached: boolean): Answers['world'] => ({
  reach: () => Promise.resolve({ isReached, text: isReached ? 'answers 200' : 'does not answer: the connection was refused' }),
})
const drill = (more: Partial<DrillRecord> = {}): DrillRecord => ({
  id: 'd',
  drill: 'tool-failing',
  agent: 'support',
  environment: '',
  startedMs: NOW - 2 * DAY,
  endedMs: NOW - 2 * DAY,
  outcome: 'passed',
  misses: [],
  version: '1',
  ...more,
})
const drills = (...some: readonly DrillRecord[]): Answers => ({ world: { drills: () => Promise.resolve(some) } })
const guards = (...services: readonly string[]): Answers['world'] => ({
  guards: () => new Map(services.map((s) => [s, 2])),
  releases: () => undefined,
})
/** A day of 40 rated runs an hour, 5 % of them bad. */
const rated = (perHour: number, source = 'external'): Answers => ({
  instant: {
    agentopz_evaluations_total: [[{ source }, perHour * 24]],
    'agent_sli:bad_ratio:baseline': [[{}, 0.05]],
    'agent_sli:total:baseline': [[{}, perHour * 168]],
    'agent_sli:dispersion1h:baseline': [[{}, 1]],
    'agent_sli:dispersion6h:baseline': [[{}, 1]],
  },
  hourly: { 'agent_sli:total:increase1h': Array.from({ length: 24 }, () => perHour) },
})
const heartbeat = ROUTES.replace('routes: [', `routes: [{ receiver: agentopz, matchers: ['alertname="AgentopzWatchdog"'] }, `)
const quiet = { pagerduty: { tried: 0, failed: 0 } }

const CASES: readonly Case[] = [
  {
    check: 'objectives',
    name: 'its own target and a threshold',
    given: { yaml: agent('quality: 0.9, steps: { per_run: 14 }') },
    is: 'ok',
    says: /0\.9, with thresholds per run for steps/,
  },
  {
    check: 'objectives',
    name: 'only the default',
    given: {},
    is: 'weak',
    says: /only the default quality target \(0\.95\)/,
    advises: /agentopz baseline --agent "support" --write/,
  },
  {
    check: 'objectives',
    name: 'a target and no threshold',
    given: { yaml: agent('quality: 0.9') },
    is: 'weak',
    says: /nothing says what a run may cost/,
  },

  {
    check: 'baseline',
    name: 'of errors and quality, over days',
    given: {
      instant: {
        'agent_sli:total:baseline': [
          [{ sli: 'run_error' }, 900],
          [{ sli: 'quality' }, 850],
        ],
      },
      hourly: { run_error: Array.from({ length: 48 }, () => 20) },
    },
    is: 'ok',
    says: /900 runs in 48 hours of the last week, 850 rated runs among them/,
  },
  { check: 'baseline', name: 'none', given: { instant: {} }, is: 'failed', says: /no baseline.*takes 30 runs/ },
  {
    check: 'baseline',
    name: 'of errors only',
    given: { instant: { 'agent_sli:total:baseline': [[{ sli: 'run_error' }, 90]] }, hourly: { run_error: [30, 30, 30] } },
    is: 'weak',
    says: /90 runs in 3 hours.*of quality it is not/,
  },
  {
    check: 'baseline',
    name: 'of a few hours',
    given: {
      instant: {
        'agent_sli:total:baseline': [
          [{ sli: 'run_error' }, 90],
          [{ sli: 'quality' }, 90],
        ],
      },
      hourly: { run_error: [30, 0, 30, 30] },
    },
    is: 'weak',
    says: /90 runs in 3 hours of the last week only/,
  },
  { check: 'baseline', name: 'Prometheus is down', given: {}, is: 'unknown', says: /Prometheus does not answer/, advises: /start it/ },

  {
    check: 'evaluations',
    name: 'many verdicts on content',
    given: rated(200),
    is: 'ok',
    says: /200 rated runs in a usual hour a fall of \d+ points would page within 2 hours, and 20 points matter; in the last day 4800 verdicts from external/,
  },
  {
    check: 'evaluations',
    name: 'many verdicts on form',
    given: rated(200, 'builtin'),
    is: 'weak',
    says: /only built-in checks speak/,
    advises: /gen_ai\.evaluation\.result/,
  },
  { check: 'evaluations', name: 'no verdicts', given: { instant: {} }, is: 'failed', says: /no run of this agent was rated/ },
  {
    check: 'evaluations',
    name: 'few verdicts',
    given: rated(20),
    is: 'weak',
    says: /would page within a day \(from \d+ points on\), and not within 2 hours/,
  },
  {
    check: 'evaluations',
    name: 'hardly any verdicts',
    given: rated(1),
    is: 'failed',
    says: /would not page within a day; the smallest that would is/,
  },
  {
    check: 'evaluations',
    name: 'verdicts without a baseline',
    given: { instant: { agentopz_evaluations_total: [[{ source: 'judge' }, 50]] }, hourly: { 'agent_sli:total:increase1h': [50] } },
    is: 'weak',
    says: /no baseline of quality yet/,
  },
  {
    check: 'evaluations',
    name: 'a smaller drop matters',
    given: { ...rated(200), yaml: 'readiness: { smallest_drop: 0.02 }\nagents: { support: {} }\n' },
    is: 'failed',
    says: /a fall of 2 points would not page within a day/,
  },
  { check: 'evaluations', name: 'Prometheus is down', given: {}, is: 'unknown', says: /Prometheus does not answer/ },

  {
    check: 'rules',
    name: 'the watchdog is there',
    given: { alertmanager: { watchdogs: [{ runbookUrl: undefined }] } },
    is: 'ok',
    says: /AgentopzWatchdog is active/,
  },
  {
    check: 'rules',
    name: 'it is not',
    given: { alertmanager: {} },
    is: 'failed',
    says: /no alert of agentopz arrives/,
    advises: /rule_files/,
  },
  { check: 'rules', name: 'Alertmanager is down', given: {}, is: 'unknown', says: /Alertmanager does not answer/ },

  {
    check: 'routing',
    name: 'a pager that was told',
    given: { alertmanager: {} },
    is: 'ok',
    says: /goes to pager \(pagerduty\); 4 notifications by pagerduty since Alertmanager started, none failed/,
  },
  {
    check: 'routing',
    name: 'a pager that never was',
    given: { alertmanager: { notified: new Map(Object.entries(quiet)) } },
    is: 'weak',
    says: /it has notified nobody/,
    advises: /amtool alert add/,
  },
  {
    check: 'routing',
    name: 'some notifications failed',
    given: { alertmanager: { notified: new Map([['pagerduty', { tried: 9, failed: 1 }]]) } },
    is: 'weak',
    says: /1 of 9 notifications by pagerduty failed/,
  },
  {
    check: 'routing',
    name: 'most failed',
    given: { alertmanager: { notified: new Map([['pagerduty', { tried: 9, failed: 8 }]]) } },
    is: 'failed',
    says: /8 of 9 notifications by pagerduty failed/,
  },
  {
    check: 'routing',
    name: 'a receiver without integration',
    given: { yaml: agent('severity: warning'), alertmanager: {} },
    is: 'failed',
    says: /goes to agentopz only, which tells no person/,
  },
  {
    check: 'routing',
    name: 'an empty receiver',
    given: { alertmanager: { yaml: 'route: { receiver: pager }\nreceivers: [{ name: pager }]' } },
    is: 'failed',
    says: /receiver pager, which has no integration/,
  },
  {
    check: 'routing',
    name: 'a silence',
    given: {
      alertmanager: {
        silences: [
          { id: 's1', createdBy: 'ana', endsMs: NOW + HOUR, matches: (l) => l['agent'] === 'support' && l['environment'] === 'prod' },
        ],
      },
    },
    is: 'failed',
    says: /silenced until 2026-12-01 09:00:00 UTC by ana/,
    advises: /amtool silence expire s1/,
  },
  {
    check: 'routing',
    name: 'a silence of another agent',
    given: { alertmanager: { silences: [{ id: 's1', createdBy: '', endsMs: NOW, matches: (l) => l['agent'] === 'shop' }] } },
    is: 'ok',
    says: /none failed/,
  },
  {
    check: 'routing',
    name: 'in business hours only',
    given: { alertmanager: { yaml: ROUTES.replace('{ receiver: pager,', '{ receiver: pager, active_time_intervals: [office],') } },
    is: 'weak',
    says: /pager \(only in office\): at other times nobody is told/,
  },
  { check: 'routing', name: 'Alertmanager is down', given: {}, is: 'unknown', says: /Alertmanager does not answer/ },

  {
    check: 'webhook',
    name: 'it arrives',
    given: { alertmanager: {}, world: { webhookMs: NOW - DAY } },
    is: 'ok',
    says: /last arrived 1 d ago/,
  },
  {
    check: 'webhook',
    name: 'not routed',
    given: { alertmanager: { yaml: 'route: { receiver: pager }\nreceivers: [{ name: pager }]' }, world: { webhookMs: NOW } },
    is: 'failed',
    says: /not to agentopz: no incident/,
  },
  {
    check: 'webhook',
    name: 'routed, never arrived, no heartbeat',
    given: { alertmanager: {} },
    is: 'unknown',
    says: /none has arrived since agentopz started 1 d ago/,
    advises: /AgentopzWatchdog/,
  },
  {
    check: 'webhook',
    name: 'routed, arrived long ago, no heartbeat',
    given: { alertmanager: {}, world: { webhookMs: NOW - 8 * DAY } },
    is: 'unknown',
    says: /none has arrived for 8 d/,
  },
  {
    check: 'webhook',
    name: 'a heartbeat that stopped',
    given: { alertmanager: { yaml: heartbeat }, world: { webhookMs: NOW - HOUR } },
    is: 'failed',
    says: /nothing has arrived for 1 h although AgentopzWatchdog should/,
  },
  {
    check: 'webhook',
    name: 'a heartbeat that never came',
    given: { alertmanager: { yaml: heartbeat } },
    is: 'failed',
    says: /nothing has arrived for 1 d/,
  },
  {
    check: 'webhook',
    name: 'a heartbeat still to come',
    given: { alertmanager: { yaml: heartbeat }, world: { startedMs: NOW - 60_000 } },
    is: 'unknown',
    says: /since agentopz started 1 min ago/,
    advises: /wait/,
  },
  {
    check: 'webhook',
    name: 'a heartbeat that came before a restart',
    given: {
      instant: { agentopz_webhook_received: [[{}, (NOW - 120_000) / 1000]] },
      alertmanager: { yaml: heartbeat },
      world: { startedMs: NOW - 60_000 },
    },
    is: 'ok',
    says: /last arrived 2 min ago/,
  },
  {
    check: 'webhook',
    name: 'it arrived in the week before a restart, without a heartbeat',
    given: { instant: { agentopz_webhook_received: [[{}, (NOW - 2 * DAY) / 1000]] }, alertmanager: {} },
    is: 'ok',
    says: /last arrived 2 d ago/,
  },
  {
    check: 'webhook',
    name: 'Alertmanager is down, and it arrived a moment ago',
    given: { world: { webhookMs: NOW - 60_000 } },
    is: 'ok',
    says: /1 min ago/,
  },
  {
    check: 'webhook',
    name: 'Alertmanager is down',
    given: { world: { webhookMs: NOW - HOUR } },
    is: 'unknown',
    says: /Alertmanager does not answer/,
  },

  {
    check: 'runbook',
    name: 'its own answers',
    given: { yaml: agent('runbook_url: "https://user:pw@wiki/x?token=1"'), world: reached(true) ?? {} },
    is: 'ok',
    says: /its runbook https:\/\/wiki\/x answers 200/,
  },
  {
    check: 'runbook',
    name: 'its own does not',
    given: { yaml: agent('runbook_url: https://wiki/x'), world: reached(false) ?? {} },
    is: 'failed',
    says: /connection was refused/,
    advises: /agents\.support\.runbook_url/,
  },
  { check: 'runbook', name: 'none of its own', given: {}, is: 'weak', says: /no runbook of its own/ },

  { check: 'fallback', name: 'none', given: {}, is: 'failed', says: /its users would get an error/, advises: /agents\.support\.fallback/ },
  {
    check: 'fallback',
    name: 'a message',
    given: { yaml: agent('fallback: "Sorry, a person will answer"') },
    is: 'ok',
    says: /message of 27 characters/,
  },
  {
    check: 'fallback',
    name: 'a URL that answers',
    given: { yaml: agent('fallback: https://help/'), world: reached(true) ?? {} },
    is: 'ok',
    says: /https:\/\/help\/ answers 200/,
  },
  {
    check: 'fallback',
    name: 'a URL that does not',
    given: { yaml: agent('fallback: https://help/'), world: reached(false) ?? {} },
    is: 'failed',
    says: /does not answer/,
  },
  {
    check: 'fallback',
    name: 'what only looks like a URL',
    given: { yaml: agent('fallback: "https://"') },
    is: 'failed',
    says: /begins like a URL and is none/,
  },

  {
    check: 'release',
    name: 'one that is known to be good',
    given: rollback(choice('known_good', 'last known to be good: 99 %'), 'v1', 'v2'),
    is: 'ok',
    says: /from v2 to v1: last known to be good/,
  },
  {
    check: 'release',
    name: 'one of which it is not known',
    given: rollback(choice('former', 'the one before; whether it is good is not known'), 'v1', 'v2'),
    is: 'weak',
    says: /from v2 to v1: the one before; whether/,
    advises: /agentopz release list "support"/,
  },
  {
    check: 'release',
    name: 'only bad ones',
    given: rollback(
      { ok: false, because: 'no_known_good', detail: 'every release of support before v2 missed its objectives' },
      'v1',
      'v2',
    ),
    is: 'failed',
    says: /missed its objectives/,
  },
  {
    check: 'release',
    name: 'the first',
    given: rollback({ ok: false, because: 'nothing_before', detail: '' }, 'v1'),
    is: 'failed',
    says: /release v1 is its first/,
  },
  {
    check: 'release',
    name: 'none',
    given: { world: { releases: () => undefined } },
    is: 'failed',
    says: /no release of it is active/,
    advises: /agentopz release publish "support" FILE --activate/,
  },
  { check: 'release', name: 'storage cannot be read', given: {}, is: 'unknown', says: /storage does not answer/ },

  {
    check: 'guards',
    name: 'of its service',
    given: { world: { ...guards('desk', 'shop'), services: () => ['desk'] } },
    is: 'ok',
    says: /2 guards of desk are connected here/,
  },
  {
    check: 'guards',
    name: 'of a service called like it',
    given: { world: guards('support') ?? {} },
    is: 'ok',
    says: /2 guards of support/,
  },
  {
    check: 'guards',
    name: 'of its service, at another replica',
    given: { instant: { agentopz_control_streams: [[{ service: 'desk' }, 3]] }, world: { ...guards('shop'), services: () => ['desk'] } },
    is: 'ok',
    says: /3 guards of desk are connected to another replica/,
  },
  {
    check: 'guards',
    name: 'of others only',
    given: { world: { ...guards('shop'), services: () => ['desk'] } },
    is: 'failed',
    says: /its runs come from desk, and no guard of that is connected \(of shop there are\)/,
  },
  {
    check: 'guards',
    name: 'none, and somebody polls',
    given: { world: { ...guards(), services: () => ['desk'], pollMs: NOW - 30_000 } },
    is: 'weak',
    says: /flags were polled 30 s ago, by whom is not known/,
  },
  {
    check: 'guards',
    name: 'none, and somebody polled long ago',
    given: { world: { ...guards(), services: () => ['desk'], pollMs: NOW - HOUR } },
    is: 'failed',
    says: /no control would reach it/,
  },
  {
    check: 'guards',
    name: 'none, and no run since the start',
    given: { world: guards() ?? {} },
    is: 'unknown',
    says: /no run since agentopz started/,
  },
  { check: 'guards', name: 'storage cannot be read', given: {}, is: 'unknown', says: /storage does not answer/ },

  {
    check: 'drill',
    name: 'passed',
    given: drills(drill()),
    is: 'ok',
    says: /^1 class of drills, the last \(tool-failing\) 2 d ago, all passed/,
  },
  { check: 'drill', name: 'passed, in that environment', given: drills(drill({ environment: 'prod' })), is: 'ok', says: /passed/ },
  {
    check: 'drill',
    name: 'passed in another environment',
    given: drills(drill({ environment: 'test' })),
    is: 'failed',
    says: /no drill was ever held/,
  },
  { check: 'drill', name: 'never', given: drills(), is: 'failed', says: /no drill was ever held/, advises: /agentopz drill all/ },
  {
    check: 'drill',
    name: 'failed',
    given: drills(drill({ outcome: 'failed', misses: ['no alert within 5 min'] }), drill({ endedMs: NOW - 9 * DAY })),
    is: 'failed',
    says: /tool-failing failed: no alert within 5 min/,
    advises: /agentopz drill tool-failing/,
  },
  {
    check: 'drill',
    name: 'passed after it failed',
    given: drills(drill(), drill({ outcome: 'failed', endedMs: NOW - 9 * DAY })),
    is: 'ok',
    says: /1 class of drills/,
  },
  {
    check: 'drill',
    name: 'one class failed before another passed',
    given: drills(drill({ drill: 'loop' }), drill({ outcome: 'failed', endedMs: NOW - 3 * DAY, misses: [] })),
    is: 'failed',
    says: /2 classes of drills, the last \(loop\) 2 d ago: tool-failing failed: it is not said why/,
  },
  {
    check: 'drill',
    name: 'interrupted after one that passed',
    given: drills(drill({ outcome: 'interrupted', endedMs: NOW }), drill()),
    is: 'ok',
    says: /2 d ago, all passed/,
  },
  {
    check: 'drill',
    name: 'long ago',
    given: drills(drill({ endedMs: NOW - 91 * DAY })),
    is: 'weak',
    says: /91 d ago, and it should be at most 90 d/,
  },
  {
    check: 'drill',
    name: 'on a stand-in',
    given: drills(drill({ agent: '' })),
    is: 'weak',
    says: /1 class of drills on a stand-in.*none was held on this agent/,
    advises: /POST \/api\/v1\/drills/,
  },
  {
    check: 'drill',
    name: 'on a stand-in, and failed',
    given: drills(drill({ agent: '', outcome: 'failed', misses: ['x'] })),
    is: 'failed',
    says: /on a stand-in.*failed: x/,
  },
  {
    check: 'drill',
    name: 'its own passed, whatever a stand-in did',
    given: drills(drill({ agent: '', outcome: 'failed' }), drill()),
    is: 'ok',
    says: /all passed/,
  },
  { check: 'drill', name: 'storage cannot be read', given: {}, is: 'unknown', says: /storage does not answer/ },
]

async function answerOf(check: ReadinessCheck, given: Answers): Promise<ReadinessAnswer> {
  try {
    return await check.look(about(given))
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error
    return { state: 'unknown', text: error.message, advice: error.advice }
  }
}

describe.each(READINESS_CHECKS.map((check) => ({ check, name: check.name })))('$name', ({ check }) => {
  const own = CASES.filter((c) => c.check === check.name)
  test.each(own)('$name: $is', async ({ given, is, says, advises }) => {
    const answer = await answerOf(check, given)
    expect(answer.text).toMatch(says)
    expect(answer.state).toBe(is)
    if (advises !== undefined) expect(answer.advice).toMatch(advises)
    // What is wanting says what to do.
    expect(answer.advice === undefined).toBe(is === 'ok')
  })
  test('has a case for being there, and one for each way of not being there', () => {
    expect(own.map((c) => c.is)).toContain('ok')
    expect(new Set(own.map((c) => c.is)).size).toBeGreaterThanOrEqual(2)
  })
})

test('weights add up to 100, names are different, and every case is of a check', () => {
  expect(READINESS_CHECKS.reduce((sum, c) => sum + c.weight, 0)).toBe(100)
  const names = READINESS_CHECKS.map((c) => c.name)
  expect(new Set(names).size).toBe(names.length)
  expect(CASES.map((c) => c.check).filter((c) => !names.includes(c))).toEqual([])
})
