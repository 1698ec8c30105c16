/** Two processors over one PostgreSQL: what one is told the other knows, nothing is done twice, and neither needs the other. */
import { isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { AuditEntry } from '../../control/audit.ts'
import { replayControls } from '../../control/controls.ts'
import type { FlagSet } from '../../model/control.ts'
import { until } from '../support/app.ts'
import { type EventStream, listen } from '../support/events.ts'
import { clusterOfFile } from '../support/postgres.ts'
import { type Replica, startReplica } from '../support/replicas.ts'

// Two processes start for each, and one waits for a server's 15 seconds.
vi.setConfig({ testTimeout: 120_000 })

const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
const cluster = clusterOfFile()

async function replica(url: string, yaml?: string): Promise<Replica> {
  const started = await startReplica(url, yaml)
  cleanup.push(() => started.kill())
  return started
}
async function pair(yaml?: string): Promise<{ url: string; a: Replica; b: Replica }> {
  const url = await cluster.database()
  // Both make the tables at once.
  const [a, b] = await Promise.all([replica(url, yaml), replica(url, yaml)])
  return { url, a, b }
}
async function hear(r: Replica): Promise<EventStream> {
  const stream = await listen(`${r.url}/api/v1/control/stream?service=shop`)
  cleanup.push(() => stream.close())
  return stream
}
const ABOUT = { reason: 'wrong refunds', actor: 'ana@host' }
const disable = (r: Replica, agent = 'support', more: object = {}): ReturnType<Replica['send']> =>
  r.send('POST', '/api/v1/controls?force=1', { control: 'agent', agent, ...ABOUT, ...more })
const isOff = (event: { readonly data: string } | undefined, agent = 'support'): boolean =>
  Object.values((JSON.parse(event?.data ?? '{"flags":{}}') as FlagSet).flags[`agent.${agent}.enabled`]?.variants ?? {}).includes(false)
const leaders = async (...all: readonly Replica[]): Promise<readonly number[]> =>
  Promise.all(all.map((r) => r.value('agentopz_storage_leader')))
const audit = async (r: Replica): Promise<readonly Record<string, unknown>[]> =>
  (await r.send('GET', '/api/v1/controls?all=1&limit=1000')).json['audit'] as Record<string, unknown>[]

describe('a control', () => {
  test('reaches two hundred agents at the other replica within two seconds', async () => {
    const { a, b } = await pair()
    const streams = await Promise.all(Array.from({ length: 200 }, () => hear(b)))
    await until(async () => streams.every((s) => s.events.length === 1), 'everybody is there')
    const took: number[] = []
    let id = ''
    for (let round = 0; round < 5; round++) {
      const began = performance.now()
      const { status, json } = await (round % 2 === 0 ? disable(a) : a.send('DELETE', `/api/v1/controls/${id}`, ABOUT))
      expect([200, 201]).toContain(status)
      id = String(json['id'])
      await until(async () => streams.every((s) => s.events.length === round + 2), 'everybody has heard')
      took.push(...streams.map((s) => (s.events.at(-1)?.atMs ?? 0) - began))
    }
    took.sort((x, y) => x - y)
    const at = (share: number): number => took[Math.ceil(share * took.length) - 1] ?? 0
    process.stdout.write(`200 streams at the other replica: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms\n`)
    expect(at(0.99)).toBeLessThan(2000)
    expect(streams.map((s) => s.events.map((e) => isOff(e)))).toEqual(streams.map(() => [false, true, false, true, false, true]))
  })
  test('that was set at one is undone at the other, and a release that was published at one is activated at the other', async () => {
    const { a, b } = await pair()
    const { json } = await disable(a)
    expect((await b.send('DELETE', `/api/v1/controls/${String(json['id'])}`, ABOUT)).status).toBe(200)
    const controls = async (): Promise<unknown> => (await a.send('GET', '/api/v1/controls')).json['controls']
    await until(async () => JSON.stringify(await controls()) === '[]', 'the first one has heard of it')
    expect((await a.send('POST', '/api/v1/releases/support', { ...ABOUT, version: 'v1', model: 'm' })).status).toBe(201)
    expect((await b.send('POST', '/api/v1/releases/support/v1/activate', ABOUT)).status).toBe(200)
    await until(async () => (await a.send('GET', '/api/v1/releases/support')).json['active'] === 'v1', 'the first one has heard of it')
  })
  test('lapses at both', async () => {
    const { a, b } = await pair()
    const streams = [await hear(a), await hear(b)]
    await disable(a, 'support', { expires: '2s' })
    await until(async () => streams.every((s) => s.events.length === 3), 'set and lapsed at both', 6)
    expect(streams.map((s) => s.events.map((e) => isOff(e)))).toEqual([
      [false, true, false],
      [false, true, false],
    ])
  })
})

const statuses = (answers: readonly { status: number }[]): readonly number[] => answers.map((x) => x.status).sort((x, y) => x - y)

describe('fifty at once, at two replicas', () => {
  test('of releases of one version and different content, one is published', async () => {
    const { a, b } = await pair()
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        (n % 2 === 0 ? a : b).send('POST', '/api/v1/releases/support', { ...ABOUT, version: 'v1', model: `m${n}` }),
      ),
    )
    expect(statuses(answers)).toEqual([201, ...Array.from({ length: 49 }, () => 409)])
    const winner = answers.findIndex((x) => x.status === 201)
    for (const r of [a, b]) expect((await r.send('GET', '/api/v1/releases/support/v1')).json['model']).toBe(`m${winner}`)
    expect((await audit(a)).map((e) => e['action'])).toEqual(['publish'])
  })
  test('of activations of one release, one is done', async () => {
    const { a, b } = await pair()
    for (const version of ['v1', 'v2']) await a.send('POST', '/api/v1/releases/support', { ...ABOUT, version, model: version })
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 === 0 ? a : b).send('POST', '/api/v1/releases/support/v2/activate', ABOUT)),
    )
    expect(statuses(answers)).toEqual([200, ...Array.from({ length: 49 }, () => 409)])
    expect(new Set(answers.map((x) => x.json['because']))).toEqual(new Set([undefined, 'already_active']))
  })
  test('of controls about one agent, each replaces the one before, and the audit tells how', async () => {
    const { url, a, b } = await pair()
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => disable(n % 2 === 0 ? a : b)))
    expect(answers.map((x) => x.status)).toEqual(Array.from({ length: 50 }, () => 201))
    const rows = await cluster.query<{ document: string }>(url, 'select document from control_audit order by seq')
    const entries = rows.map((r) => JSON.parse(r.document) as AuditEntry)
    expect(entries.map((e) => e.action).sort()).toEqual([...Array.from({ length: 49 }, () => 'replace'), 'set'])
    const left = [...replayControls(entries).controls.keys()]
    expect(left).toHaveLength(1)
    // Who did not write the last one hears of it a moment later.
    const ids = async (r: Replica): Promise<readonly string[]> =>
      ((await r.send('GET', '/api/v1/controls')).json['controls'] as { id: string }[]).map((c) => c.id)
    for (const r of [a, b]) await until(async () => isDeepStrictEqual(await ids(r), left), 'both have the last one in force', 2)
  })
})

const alert = (n: number, status: 'firing' | 'resolved', startsAt: string): object => ({
  version: '4',
  groupKey: 'g',
  alerts: [
    {
      status,
      labels: { alertname: 'AgentErrorBudgetBurn', severity: 'critical', agent: `agent${n}`, environment: 'prod' },
      annotations: { summary: 's' },
      startsAt,
      endsAt: status === 'resolved' ? new Date().toISOString() : '0001-01-01T00:00:00Z',
      fingerprint: `abcdef${n}`,
    },
  ],
})

describe('an incident', () => {
  const FAST = 'agents: { support: {} }\nincidents: { resolve_after: 1s, check_every: 1s }'
  test('that both are told of at once is one, is opened once, acknowledged once and resolved once', async () => {
    const { a, b } = await pair(FAST)
    const began = new Date().toISOString()
    const tell = (status: 'firing' | 'resolved'): Promise<readonly { status: number }[]> =>
      Promise.all([0, 1, 2, 3, 4].flatMap((n) => [a, b, a, b].map((r) => r.send('POST', '/api/v1/alerts', alert(n, status, began)))))
    expect(new Set((await tell('firing')).map((x) => x.status))).toEqual(new Set([200]))
    const list = async (r: Replica): Promise<readonly Record<string, unknown>[]> =>
      (await r.send('GET', '/api/v1/incidents')).json['incidents'] as Record<string, unknown>[]
    await until(async () => (await list(a)).length === 5 && (await list(b)).length === 5, 'both know five')
    const ids = (await list(a)).map((i) => String(i['id']))
    expect((await list(b)).map((i) => i['id'])).toEqual(ids)
    const taken = await Promise.all(
      ids.flatMap((id) => [a, b].map((r) => r.send('POST', `/api/v1/incidents/${id}/acknowledge`, { actor: 'ana' }))),
    )
    expect(statuses(taken)).toEqual([...Array.from({ length: 5 }, () => 200), ...Array.from({ length: 5 }, () => 409)])
    await tell('resolved')
    const areResolved = async (r: Replica): Promise<boolean> => (await list(r)).every((i) => i['state'] === 'resolved')
    await until(async () => (await areResolved(a)) && (await areResolved(b)), 'both know that they are resolved')
    const both = async (name: string): Promise<number> => (await a.value(name)) + (await b.value(name))
    expect([await both('agentopz_incidents_opened_total'), await both('agentopz_incident_time_to_resolve_seconds_count')]).toEqual([5, 5])
    for (const id of ids) {
      const timeline = (await b.send('GET', `/api/v1/incidents/${id}`)).json['timeline'] as { kind: string }[]
      expect(timeline.map((e) => e.kind)).toEqual(['alert_fired', 'acknowledged', 'alert_resolved', 'resolved'])
    }
  })
})

test('an action at either replica is in the record of the incident within seconds, whoever leads', async () => {
  const { a, b } = await pair()
  expect((await a.send('POST', '/api/v1/alerts', alert(1, 'firing', new Date().toISOString()))).status).toBe(200)
  const ids: unknown[] = []
  for (const r of [a, b]) ids.push((await disable(r, 'agent1', { environment: r === a ? '' : 'prod' })).json['id'])
  const [incident] = (await a.send('GET', '/api/v1/incidents')).json['incidents'] as { id: string }[]
  const refs = async (): Promise<readonly unknown[]> => {
    const { json } = await b.send('GET', `/api/v1/incidents/${incident?.id}`)
    return (json['timeline'] as { kind: string; ref?: string }[] | undefined)?.filter((e) => e.kind === 'action').map((e) => e.ref) ?? []
  }
  await until(async () => (await refs()).length === 2, 'both actions are in the record')
  expect(await refs()).toEqual(ids)
})

describe('the lead', () => {
  test('is with one, passes on at once when that one is killed or stops, and within a quarter of a minute when it hangs', async () => {
    const { url, a, b } = await pair()
    await until(async () => (await leaders(a, b)).join() !== '0,0', 'one leads')
    const [first, second] = (await leaders(a, b))[0] === 1 ? [a, b] : [b, a]
    expect(await leaders(first, second)).toEqual([1, 0])
    let began = performance.now()
    await first.kill()
    await until(async () => (await leaders(second))[0] === 1, 'the other one leads', 5)
    process.stdout.write(`the lead passed on ${((performance.now() - began) / 1000).toFixed(1)} s after kill -9\n`)
    const third = await replica(url)
    await until(async () => (await third.value('agentopz_storage_up')) === 1, 'it hears')
    expect(await leaders(second, third)).toEqual([1, 0])
    began = performance.now()
    second.process.kill('SIGSTOP')
    await until(async () => (await leaders(third))[0] === 1, 'the third one leads', 25)
    process.stdout.write(`the lead passed on ${((performance.now() - began) / 1000).toFixed(1)} s after SIGSTOP\n`)
    second.process.kill('SIGCONT')
    expect(await leaders(second, third)).toEqual([0, 1])
    await until(async () => (await second.value('agentopz_storage_up')) === 1, 'the second one hears again')
    expect(await leaders(second, third)).toEqual([0, 1])
    began = performance.now()
    await third.kill('SIGTERM')
    await until(async () => (await leaders(second))[0] === 1, 'the second one leads again', 5)
  })
})

/** Sets control after control at a replica until it is told to stop; what each was answered. */
function writer(r: Replica, name: string): { readonly answers: { id: string; status: number; because: string }[]; stop(): Promise<void> } {
  const answers: { id: string; status: number; because: string }[] = []
  let isOver = false
  const run = async (): Promise<void> => {
    for (let n = 0; !isOver; n++) {
      const environment = `${name}-${n}`
      try {
        const { status, json } = await disable(r, 'support', { environment })
        answers.push({ id: environment, status, because: typeof json['because'] === 'string' ? json['because'] : '' })
        if (status !== 201) await new Promise((done) => setTimeout(done, 20))
      } catch {
        // It was killed: nothing was answered.
        answers.push({ id: environment, status: 0, because: '' })
        isOver = true
      }
    }
  }
  const running = run()
  return {
    answers,
    stop: async () => {
      isOver = true
      await running
    },
  }
}

describe('nothing is lost, and nothing is there twice', () => {
  const LIMITS = 'agents: { support: {} }\ncontrols: { max_controls: 100000 }'
  const setIn = async (url: string): Promise<readonly string[]> =>
    (await cluster.query<{ document: string }>(url, 'select document from control_audit order by seq')).map(
      (row) => (JSON.parse(row.document) as AuditEntry).environment,
    )
  test('when a replica is killed while both write', async () => {
    const { url, a, b } = await pair(LIMITS)
    const writers = [writer(a, 'a1'), writer(a, 'a2'), writer(b, 'b1'), writer(b, 'b2')]
    await new Promise((done) => setTimeout(done, 1500))
    await a.kill()
    await new Promise((done) => setTimeout(done, 500))
    for (const w of writers) await w.stop()
    const answers = writers.flatMap((w) => w.answers)
    const stored = await setIn(url)
    const acknowledged = answers.filter((x) => x.status === 201).map((x) => x.id)
    expect(acknowledged.length).toBeGreaterThan(50)
    expect(new Set(stored).size).toBe(stored.length)
    expect(acknowledged.filter((id) => !stored.includes(id))).toEqual([])
    // What b was asked for was answered, whatever became of a.
    expect(new Set(answers.filter((x) => x.id.startsWith('b')).map((x) => x.status))).toEqual(new Set([201]))
    const controls = (await b.send('GET', '/api/v1/controls')).json['controls'] as { environment: string }[]
    expect(controls.map((c) => c.environment).sort()).toEqual(stored.toSorted())
    const again = await replica(url, LIMITS)
    expect(((await again.send('GET', '/api/v1/controls')).json['controls'] as unknown[]).length).toBe(stored.length)
  })
  test('and a replica that writes all the time does not keep the other one out', async () => {
    const { a, b } = await pair(LIMITS)
    // The more is stored, the longer it takes to read it again, and the surer the other one comes between.
    const first = [writer(a, 'first1'), writer(a, 'first2')]
    await until(async () => first.flatMap((w) => w.answers).length > 500, 'much is stored', 30)
    for (const w of first) await w.stop()
    const writers = [writer(a, 'a1'), writer(a, 'a2'), writer(b, 'b')]
    await new Promise((done) => setTimeout(done, 5000))
    for (const w of writers) await w.stop()
    const answers = writers.flatMap((w) => w.answers)
    expect(new Set(statuses(answers))).toEqual(new Set([201]))
    const atB = answers.filter((x) => x.id.startsWith('b')).length
    process.stdout.write(`${answers.length - atB} set at one replica, ${atB} at the other\n`)
    // Each replica does one at a time, and neither is overtaken for long.
    expect(atB).toBeGreaterThan(answers.length / 10)
  })
  test('when the database is killed while both write; it is said, and they go on by themselves when it is back', async () => {
    const { url, a, b } = await pair(LIMITS)
    const streams = [await hear(a), await hear(b)]
    const writers = [writer(a, 'a1'), writer(a, 'a2'), writer(b, 'b1'), writer(b, 'b2')]
    await new Promise((done) => setTimeout(done, 1000))
    await cluster.kill()
    await until(async () => (await a.value('agentopz_storage_up')) + (await b.value('agentopz_storage_up')) === 0, 'both say so')
    const ready = await fetch(`${a.url}/-/ready`)
    // Taken out of service it would lose spans.
    expect([ready.status, await ready.text()]).toEqual([
      200,
      expect.stringMatching(/^agentopz is ready\.\nWithout storage: postgres:.+: .+\n$/),
    ])
    const refused = await disable(a, 'other')
    expect([refused.status, refused.json['because']]).toEqual([503, 'not_stored'])
    expect(JSON.stringify(refused.json)).not.toContain('p@ss')
    // What is in force stays in force and is served.
    const flags = (await (await fetch(`${b.url}/api/v1/control/flags`)).json()) as FlagSet
    expect(flags.flags['agent.support.enabled']).toBeDefined()
    await cluster.start()
    await until(async () => (await a.value('agentopz_storage_up')) + (await b.value('agentopz_storage_up')) === 2, 'both are well again')
    // One whose commit was cut off asks for seconds whether it was stored.
    const before = writers.map((w) => w.answers.length)
    const goesOn = (w: (typeof writers)[number], n: number): boolean =>
      w.answers.length > (before[n] ?? 0) && w.answers.at(-1)?.status === 201
    await until(async () => writers.every(goesOn), 'everybody is answered again', 6)
    await new Promise((done) => setTimeout(done, 1000))
    for (const w of writers) await w.stop()
    const answers = writers.flatMap((w) => w.answers)
    const stored = await setIn(url)
    expect(new Set(stored).size).toBe(stored.length)
    const of = (status: number, because: string): readonly string[] =>
      answers.filter((x) => x.status === status && x.because === because).map((x) => x.id)
    expect(of(201, '').filter((id) => !stored.includes(id))).toEqual([])
    expect(of(503, 'not_stored').filter((id) => stored.includes(id))).toEqual([])
    expect(answers.length).toBe(of(201, '').length + of(503, 'not_stored').length + of(503, 'not_known').length)
    process.stdout.write(`${of(201, '').length} set, ${of(503, 'not_stored').length} refused, ${of(503, 'not_known').length} not known\n`)
    expect(writers.map((w) => w.answers.at(-1)?.status)).toEqual([201, 201, 201, 201])
    expect(streams.map((s) => s.closed)).toEqual([false, false])
    await until(async () => streams[0]?.events.at(-1)?.id === streams[1]?.events.at(-1)?.id, 'both streams tell the same')
    await until(async () => (await leaders(a, b)).toSorted((x, y) => x - y).join() === '0,1', 'one leads')
  })
  test('a replica that starts while the database is down serves spans, refuses actions, and is whole when it is back', async () => {
    const url = await cluster.database()
    await cluster.kill()
    const r = await replica(url)
    const refused = await disable(r)
    expect([refused.status, refused.json['because']]).toEqual([503, 'not_loaded'])
    expect(String(refused.json['detail'])).toMatch(/postgres:\/\/agentopz_\d+@127\.0\.0\.1:\d+\/agentopz_\d+: .*ECONNREFUSED/)
    expect((await fetch(`${r.url}/api/v1/control/flags`)).status).toBe(503)
    expect(r.log.filter((l) => l['level'] === 50).map((l) => l['msg'])).toContain(
      'storage failed; controls cannot be changed until it works again',
    )
    expect(JSON.stringify(r.log)).not.toContain('p@ss')
    await cluster.start()
    await until(async () => (await fetch(`${r.url}/api/v1/control/flags`)).status === 200, 'it has read what is stored', 10)
    expect((await disable(r)).status).toBe(201)
  })
})
