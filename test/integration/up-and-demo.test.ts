/**
 * `up` and `demo` as a user runs them, as processes of their own: what they start, what they say, and that nothing is left, however they end.
 * Needs Debian's prometheus and prometheus-alertmanager, as the other tests here do.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { RULE_FILES } from '../../alert-rules/rules.ts'
import { type ServiceOptions, startServices } from '../../app/services.ts'
import { until } from '../support/app.ts'

const TOP = join(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'agentopz-up-'))
const config = join(dir, 'agentopz.yaml')
writeFileSync(
  config,
  `receive: { otlp_http: 127.0.0.1:0, otlp_grpc: 127.0.0.1:0 }\nlisten: 127.0.0.1:0\nlog: { level: warn }\nagents: { a: { team: blue } }\n`,
)
const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Command {
  readonly child: ChildProcess
  /** What it has printed so far. */
  said(): string
  readonly ended: Promise<number | NodeJS.Signals | null>
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Command {
  const child = spawn(process.execPath, args, { cwd: TOP, env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { child, said: () => text, ended: new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal))) }
}

function agentopz(command: 'up' | 'demo', data: string, ...more: readonly string[]): Command {
  return run(['app/cli.ts', command, '--config', config, '--prometheus-port', '0', '--alertmanager-port', '0', '--data', data, ...more])
}

/** Programs that were started with files in the folder. */
function left(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return []
      }
    })
    .filter((line) => line.includes(`${folder}/`))
}

const urlOf = (text: string, name: string): string => new RegExp(`^${name} +(http://[\\d.:]+)`, 'm').exec(text)?.[1] ?? ''
const get = async (url: string): Promise<unknown> => (await fetch(url)).json()

describe('up', () => {
  test('starts Prometheus with the shipped rules and Alertmanager with routes for the teams; SIGTERM leaves nothing', async () => {
    const data = join(dir, 'up')
    const up = agentopz('up', data)
    await until(async () => up.said().includes('Ctrl-C'), 'up is up')
    const prometheus = urlOf(up.said(), 'Prometheus')
    const { data: rules } = (await get(`${prometheus}/api/v1/rules`)) as {
      data: { groups: readonly { name: string; rules: readonly { name: string; lastError?: string }[] }[] }
    }
    const wanted = Object.values(RULE_FILES).flatMap((make) => make().map((g) => `${g.name} ${g.rules.length}`))
    expect(rules.groups.map((g) => `${g.name} ${g.rules.length}`).sort()).toEqual([...wanted].sort())
    await until(
      async () => {
        const { data: targets } = (await get(`${prometheus}/api/v1/targets`)) as {
          data: { activeTargets: readonly { labels: { job: string }; health: string }[] }
        }
        const healths = targets.activeTargets.map((t) => `${t.labels.job} ${t.health}`).sort()
        return JSON.stringify(healths) === JSON.stringify(['agentopz up', 'prometheus up'])
      },
      'both targets are scraped',
      30,
    )
    const status = (await get(`${urlOf(up.said(), 'Alertmanager')}/api/v2/receivers`)) as readonly { name: string }[]
    expect(status.map((r) => r.name)).toEqual(['pager', 'pager-blue', 'tickets', 'tickets-blue', 'dead-mans-switch', 'nobody', 'agentopz'])
    expect(left(data).length).toBe(2)
    up.child.kill('SIGTERM')
    expect(await up.ended).toBe(0)
    expect(up.said()).toMatch(new RegExp(`\nstopped; nothing is left running. What Prometheus and Alertmanager stored stays in ${data}\n$`))
    expect(left(data)).toEqual([])
  })
})

describe('demo', () => {
  test('says that time is compressed, sends, edits the prompt, and ends by itself with nothing left', async () => {
    const data = join(dir, 'demo')
    const demo = agentopz('demo', data, '--healthy-seconds', '3', '--seconds', '20', '--seed', '1')
    expect(await demo.ended).toBe(0)
    expect(demo.said()).toContain('windows are 60 times shorter here, an hour is 60 seconds')
    expect(demo.said()).toMatch(/^\[3 s\] prompt version 8 of support-agent is live/m)
    expect(demo.said()).toMatch(/^\[1[56] s\] [1-9]\d* runs sent; in Prometheus: [1-9]\d* closed, \d+\.\d\d USD, baselines of 0 agents$/m)
    expect(demo.said()).not.toContain('PAGE')
    expect(demo.said()).toMatch(/stopped; nothing is left running\n$/)
    expect(left(data)).toEqual([])
  })
  test('without Prometheus it promises no page, and says why', async () => {
    const data = join(dir, 'alone')
    const args = ['app/cli.ts', 'demo', '--config', config, '--data', data, '--healthy-seconds', '2', '--seconds', '4', '--seed', '1']
    const demo = run(args, { ...process.env, PATH: dir })
    expect(await demo.ended).toBe(0)
    expect(demo.said()).toContain('There is no Prometheus, so nothing learns what is normal')
    expect(demo.said()).toContain('What is normal is not known: there is no Prometheus.\n')
    expect(demo.said()).not.toMatch(/in a minute|baseline|windows are/)
    expect(demo.said()).toContain('a third of its answers are cut off from then on, with 200 and no error; one in 25 fails')
  })
  test('killed without a chance to clean up, its children go too', async () => {
    const data = join(dir, 'killed')
    const demo = agentopz('demo', data, '--healthy-seconds', '60')
    await until(async () => demo.said().includes('Ctrl-C'), 'the demo is up')
    expect(left(data).length).toBe(2)
    demo.child.kill('SIGKILL')
    expect(await demo.ended).toBe('SIGKILL')
    await until(async () => left(data).length === 0, 'nothing is left')
  })
})

describe('services', () => {
  const options = (name: string, more: Partial<ServiceOptions> = {}): ServiceOptions => ({
    dir: join(dir, name),
    target: '127.0.0.1:1',
    scrapeSeconds: 15,
    ruleFiles: [],
    prometheusPort: 0,
    alertmanagerPort: 0,
    ...more,
  })
  test('what is not installed is told with how to get it, and the rest goes on', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = dir
    try {
      const services = await startServices(options('missing'))
      expect([services.prometheusUrl, services.alertmanagerUrl]).toEqual([undefined, undefined])
      expect(services.notes.map((n) => n.split('.')[0])).toEqual([
        'Prometheus is not installed, going on without it',
        'Alertmanager is not installed, going on without it',
      ])
      expect(services.notes.join(' ')).toContain('apt-get install prometheus-alertmanager')
      await services.stop()
    } finally {
      process.env['PATH'] = path
    }
  })
  test('a taken port is told and another one used', async () => {
    const holder = createServer()
    await new Promise<void>((done) => holder.listen(0, '127.0.0.1', done))
    const address = holder.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const services = await startServices(options('taken', { alertmanagerPort: port }))
    expect(services.notes).toEqual([`port ${port} is taken, Alertmanager uses ${new URL(services.alertmanagerUrl ?? '').port}`])
    await services.stop()
    holder.close()
  })
  test('rules that Prometheus refuses: the error names the log, and Alertmanager does not stay', async () => {
    const file = join(dir, 'broken.rules.yaml')
    writeFileSync(file, 'groups: [{ name: x, rules: [{ alert: A, expr: "sum(" }] }]')
    const refused = options('refused', { ruleFiles: [file] })
    await expect(startServices(refused)).rejects.toThrow(`prometheus stopped at once; see ${join(refused.dir, 'prometheus.log')}`)
    expect(left(refused.dir)).toEqual([])
    expect(readFileSync(join(refused.dir, 'prometheus.log'), 'utf8')).toContain('broken.rules.yaml')
  })
})
