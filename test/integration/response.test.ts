/**
 * Actions of incidents over HTTP and from the command line, against the app in process: taken, refused with the reason, undone, and shown. No
 * Prometheus answers here: what a person does never waits for one.
 */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, until } from '../support/app.ts'

const CLI = resolve(import.meta.dirname, '../../app/cli.ts')
const CONFIG = `prometheus: http://127.0.0.1:9
agents: { support: { fallback: "back soon" } }
tools: { search: {}, order: {} }
response: { check_every: 1 }
playbooks:
  - { name: stop-runaway, when: { alerts: [AgentRunaway] }, do: [stop_runs] }
`
let app: TestApp
let id = ''

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

async function ask(method: string, path: string, body?: object): Promise<Answer> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await fetch(`${app.url}${path}`, { method, ...init })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
const act = (body: object, incident = id): Promise<Answer> =>
  ask('POST', `/api/v1/incidents/${incident}/actions`, { actor: 'ana', ...body })
const undo = (action: string, incident = id): Promise<Answer> =>
  ask('DELETE', `/api/v1/incidents/${incident}/actions/${action}`, { actor: 'ana', reason: 'enough' })

function agentopz(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [CLI, ...args, '--url', app.url, '--actor', 'bob'], (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}

beforeAll(async () => {
  app = await startTestApp(CONFIG)
  for (const version of ['v6', 'v7', 'v8'])
    await ask('POST', '/api/v1/releases/support', { actor: 'ana', version, prompts: { system: version }, activate: true })
  const alert = {
    status: 'firing',
    labels: { alertname: 'AgentRunaway', severity: 'critical', agent: 'support', environment: 'prod', measure: 'cost_usd' },
    annotations: { summary: 'a run is far beyond all others' },
    startsAt: new Date(Date.now() - 60_000).toISOString(),
    fingerprint: 'abcdef',
  }
  const { body } = await ask('POST', '/api/v1/alerts', { version: '4', alerts: [alert] })
  id = (body['incidents'] as string[])[0] ?? ''
  await until(async () => ((await ask('GET', `/api/v1/incidents/${id}`)).body['actions'] as unknown[]).length > 0, 'a proposal')
}, 60_000)
afterAll(() => app.app.stop())

describe('over HTTP', () => {
  test('the playbook has proposed, and the record says why it has not acted', async () => {
    const { body } = await ask('GET', `/api/v1/incidents/${id}`)
    expect(body['actions']).toMatchObject([{ id: 'act_1', kind: 'stop_runs', state: 'proposed', actor: 'playbook:stop-runaway' }])
    expect(JSON.stringify(body['actions'])).toContain('the mode of stop-runaway is suggest; whether its alerts fire now cannot be asked')
    expect(body['triage']).toMatchObject({ summary: expect.stringMatching(/^cannot tell: Cannot reach Prometheus/) as string })
  })
  for (const [name, body, status, because, detail] of [
    ['neither a proposal nor an action', {}, 400, undefined, 'name a proposal, or an action'],
    ['an action without a reason', { action: 'open_tool', target: 'search' }, 400, undefined, 'say why'],
    ['an action that is none', { action: 'restart', reason: 'x' }, 400, undefined, 'write one of rollback_release'],
    ['a proposal that is none', { proposal: 'act_9' }, 404, 'unknown_action', 'did you mean act_1?'],
    ['a tool that nobody knows', { action: 'open_tool', target: 'serch', reason: 'x' }, 404, 'unknown_name', 'did you mean search?'],
    ['a release that nobody published', { action: 'activate_release', target: 'v66', reason: 'x' }, 404, 'unknown_name', 'v6'],
    ['a rollback to another release', { action: 'rollback_release', target: 'v6', reason: 'x' }, 409, 'does_not_fit', 'would go to v7'],
    ['the active release', { action: 'activate_release', target: 'v8', reason: 'x' }, 409, 'does_not_fit', 'v8 is active already'],
    ['another agent', { action: 'disable_agent', target: 'shop', reason: 'x' }, 409, 'does_not_fit', 'is about support, not about shop'],
  ] as const)
    test(`${name}: ${status}`, async () => {
      const answer = await act(body)
      expect([answer.status, answer.body['because']]).toEqual([status, because])
      expect(answer.body['detail']).toContain(detail)
    })
  test('an incident that is none: 404 with the nearest', async () => {
    const answer = await act({ proposal: 'act_1' }, id.slice(0, -1))
    expect(answer.status).toBe(404)
    expect(answer.body['detail']).toContain(id)
  })
  test('a rollback, and a second one during it: 409 with the id of the first', async () => {
    const [one, two] = await Promise.all([
      act({ action: 'rollback_release', reason: 'v8 is bad' }),
      act({ action: 'rollback_release', reason: 'me too', actor: 'eve' }),
    ])
    expect([one.status, two.status]).toEqual([201, 409])
    expect(two.body['detail']).toContain(`${one.body['id'] as string} (rollback_release v7, by ana)`)
    const { body } = await ask('GET', '/api/v1/controls?all=1')
    const audit = body['audit'] as { readonly action: string; readonly target: string; readonly via: string; readonly reason: string }[]
    expect(audit.filter((e) => e.action === 'rollback')).toMatchObject([{ target: 'v7', via: 'loopback', reason: 'v8 is bad' }])
    expect((await undo(one.body['id'] as string)).body).toMatchObject({ state: 'undone', undo: { actor: 'ana', reason: 'enough' } })
    expect((await ask('GET', '/api/v1/releases/support')).body['active']).toBe('v8')
  })
  test('a tool is opened and closed again; what is not in force cannot be undone', async () => {
    const opened = await act({ action: 'open_tool', target: 'search', reason: 'it fails', expires: '2h' })
    expect(opened.body).toMatchObject({ state: 'in_force', expires_at: expect.stringMatching(/Z$/) as string })
    const { body } = await ask('GET', '/api/v1/controls')
    expect(body['controls']).toMatchObject([{ control: 'tool', target: 'search', agent: 'support', environment: 'prod', actor: 'ana' }])
    const action = opened.body['id'] as string
    expect((await undo(action)).status).toBe(200)
    const again = await undo(action)
    expect([again.status, again.body['because']]).toEqual([409, 'not_in_force'])
    expect((await undo('act_99')).status).toBe(404)
  })
  test('actions count by kind, by whom and what became of them', async () => {
    expect(await app.value('agentopz_incident_actions_total', { action: 'open_tool', by: 'person', state: 'undone' })).toBe(1)
    expect(await app.value('agentopz_incident_actions_total', { action: 'stop_runs', by: 'playbook', state: 'proposed' })).toBe(1)
  })
})

describe('from the command line', () => {
  test('show tells the proposal and how to take it; act takes it; undo undoes it', async () => {
    const shown = await agentopz('incident', 'show', id)
    expect(shown.out).toContain('proposal  act_1  stop_runs *, by playbook:stop-runaway: AgentRunaway fires')
    expect(shown.out).toContain(`take it with: npm run -s agentopz -- incident act ${id} act_1`)
    const done = await agentopz('incident', 'act', id, 'act_1')
    expect(done.out).toMatch(/^act_1 is in force: stop_runs \*, until .*; the runs after it are looked at\n$/)
    const twice = await agentopz('incident', 'act', id, 'act_1')
    expect([twice.code, twice.err]).toEqual([1, 'agentopz: act_1 is in force; nothing is proposed now\n'])
    expect((await agentopz('incident', 'undo', id, 'act_1', '--reason', 'done')).out).toBe('act_1 (stop_runs *) is undone\n')
  }, 30_000)
  test('without a proposal and without --do: exit 2', async () => {
    const { code, err } = await agentopz('incident', 'act', id)
    expect([code, err]).toEqual([2, expect.stringContaining('name a proposal of') as string])
  })
})
