/**
 * `agentopz drill` as a user runs it, as a process of its own: one drill whole through a real Prometheus and Alertmanager, and that nothing is
 * left of it, process or folder, however it ends. Needs Debian's prometheus and prometheus-alertmanager, as the other tests here do.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { DrillsRun } from '../../app/drill/run-drills.ts'
import { startTestApp, until } from '../support/app.ts'

const TOP = join(import.meta.dirname, '../..')
const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const each of cleanup.splice(0).toReversed()) await each()
})

/** What temporary folders of the drill are made in, so that what is left is seen. */
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-drilled-'))
  cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

interface Running {
  readonly child: ChildProcess
  said(): string
  stdout(): string
  readonly ended: Promise<number | NodeJS.Signals | null>
}

function drill(tmp: string, ...args: readonly string[]): Running {
  const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: tmp }
  // Under npm a command also ends with its parent, and that is not what is tried here.
  delete env['npm_lifecycle_event']
  const child = spawn(process.execPath, ['app/cli.ts', 'drill', ...args], { cwd: TOP, env, stdio: ['ignore', 'pipe', 'pipe'] })
  cleanup.push(() => void child.kill('SIGKILL'))
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk: Buffer) => (text[name] += chunk.toString()))
  return {
    child,
    said: () => text.stderr,
    stdout: () => text.stdout,
    ended: new Promise((done) => child.once('close', (code, signal) => done(code ?? signal))),
  }
}

/** Programs, other than the drill itself, that have to do with the folder: by their arguments or by their home. */
function processes(tmp: string): readonly { readonly pid: number; readonly line: string }[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .flatMap((pid) => {
      try {
        const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ')
        return `${read('cmdline')} ${read('environ')}`.includes(`${tmp}/agentopz-drill-`) ? [{ pid, line: read('cmdline') }] : []
      } catch {
        return []
      }
    })
}
const left = (tmp: string): readonly string[] => processes(tmp).map((p) => p.line)
const folders = (tmp: string): readonly string[] => readdirSync(tmp).filter((name) => name.startsWith('agentopz-drill-'))

describe('from the injection to the recovery', () => {
  test('a failing tool is detected, attributed, cut off by a playbook, and a running serve is told', { timeout: 280_000 }, async () => {
    const operator = await startTestApp()
    cleanup.push(() => operator.app.stop())
    const tmp = folder()
    const running = drill(tmp, 'tool-failing', '--json', '--url', operator.url)
    const code = await running.ended
    const run = JSON.parse(running.stdout()) as DrillsRun
    expect([code, run.results[0]?.misses]).toEqual([0, []])
    expect(run.results).toMatchObject([{ drill: 'tool-failing', outcome: 'passed', attribution: 'right' }])
    const { observed, detectSeconds = 0, recoverSeconds = 0 } = run.results[0] ?? {}
    expect(observed).toMatchObject({
      agent: 'drill-tool-failing',
      actions: [{ kind: 'open_tool', target: 'search_orders', actor: 'playbook:open-failing-tool' }],
      pages: [],
      early: [],
    })
    expect(detectSeconds).toBeLessThan(recoverSeconds)
    const told = (await (await fetch(`${operator.url}/api/v1/drills`)).json()) as { readonly drills: readonly unknown[] }
    expect(told.drills).toMatchObject([{ drill: 'tool-failing', agent: '', outcome: 'passed', environment: 'drill' }])
    expect([left(tmp), folders(tmp)]).toEqual([[], []])
  })
})

describe('nothing is left', () => {
  const started = async (tmp: string): Promise<Running> => {
    const running = drill(tmp, 'tool-failing', 'silent-agent', '--no-record')
    await until(async () => running.said().includes('agents on'), 'the chain', 40)
    expect([left(tmp).length, folders(tmp).length]).toEqual([3, 1])
    return running
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    test(`after ${signal}, and what was seen until then is told`, async () => {
      const tmp = folder()
      const running = await started(tmp)
      running.child.kill(signal)
      expect(await running.ended).toBe(1)
      expect(running.stdout()).toContain('tool-failing: interrupted: it was stopped')
      expect(running.stdout()).toContain('0 of 2 drills passed')
      expect([left(tmp), folders(tmp)]).toEqual([[], []])
    })
  const ends: readonly (readonly [string, string, RegExp])[] = [
    ['the agents', 'agent-process', /interrupted: the process of the drill agents ended \(SIGKILL\)/],
    ['Prometheus', '--storage.tsdb.path', /interrupted: Prometheus no longer answers/],
  ]
  for (const [name, argument, why] of ends)
    test(`after a kill of ${name}, and the drill says why it ended`, async () => {
      const tmp = folder()
      const running = await started(tmp)
      const found = processes(tmp).filter(({ line }) => line.includes(argument))
      expect(found.length).toBe(1)
      process.kill(found[0]?.pid ?? 0, 'SIGKILL')
      expect(await running.ended).toBe(1)
      expect(running.stdout()).toMatch(why)
      expect([left(tmp), folders(tmp)]).toEqual([[], []])
    })
  test('after kill -9: no process, and the next drill takes the folder away', async () => {
    const tmp = folder()
    const running = await started(tmp)
    running.child.kill('SIGKILL')
    expect(await running.ended).toBe('SIGKILL')
    await until(async () => left(tmp).length === 0, 'the processes end', 10)
    const [dead] = folders(tmp)
    const next = await startedAfter(tmp)
    expect(next.said()).toContain(`removed ${dead}, which a drill that was killed had left`)
    next.child.kill('SIGINT')
    expect(await next.ended).toBe(1)
    expect(folders(tmp)).toEqual([])
  })
  const startedAfter = async (tmp: string): Promise<Running> => {
    const running = drill(tmp, 'silent-agent', '--no-record')
    await until(async () => running.said().includes('agents on'), 'the chain', 40)
    return running
  }
})

describe('what cannot be run', () => {
  test('an unknown drill: the nearest name, and nothing is started', async () => {
    const tmp = folder()
    const running = drill(tmp, 'tool-faling')
    expect(await running.ended).toBe(2)
    expect(running.said()).toBe('agentopz: there is no drill "tool-faling"; did you mean tool-failing?\n')
    expect(folders(tmp)).toEqual([])
  })
  test('no Prometheus on PATH: what to install, and nothing is left', async () => {
    const tmp = folder()
    const bin = join(tmp, 'bin')
    mkdirSync(bin)
    const env = { ...process.env, TMPDIR: tmp, PATH: bin }
    const child = spawn(process.execPath, ['app/cli.ts', 'drill', 'tool-failing', '--no-record'], { cwd: TOP, env })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    expect(await new Promise((done) => child.once('close', done))).toBe(1)
    expect(said).toContain('apt-get install prometheus')
    expect([left(tmp), folders(tmp)]).toEqual([[], []])
  })
})
