/** Processors as processes that share one database: started, asked, killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sumOf } from './app.ts'

const TOP = join(import.meta.dirname, '../..')

export interface Replica {
  readonly url: string
  readonly process: ChildProcess
  /** Lines of its log so far. */
  readonly log: readonly Readonly<Record<string, unknown>>[]
  value(name: string, labels?: Readonly<Record<string, string>>): Promise<number>
  send(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly json: Record<string, unknown> }>
  kill(signal?: NodeJS.Signals): Promise<void>
}

/** Starts one; `yaml` is what its configuration holds beside storage and ports. */
export async function startReplica(storage: string, yaml = 'agents: { support: {} }'): Promise<Replica> {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-replica-'))
  const ports = "receive: { otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0' }\nlisten: 127.0.0.1:0\nlog: { format: json }\n"
  writeFileSync(join(dir, 'agentopz.yaml'), `storage: \${STORAGE}\n${ports}${yaml}\n`)
  const child = spawn(process.execPath, [join(TOP, 'app/cli.ts'), 'serve'], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, STORAGE: storage },
  })
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  const log: Record<string, unknown>[] = []
  const url = await new Promise<string>((done, fail) => {
    let rest = ''
    let all = ''
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (chunk: string) => {
      all += chunk
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const text of lines.filter((l) => l.startsWith('{'))) {
        const line = JSON.parse(text) as Record<string, unknown>
        log.push(line)
        if (line['msg'] === 'agentopz is ready') done(`http://${String(line['listen'])}`)
      }
    })
    void ended.then(() => fail(new Error(`it ended before it was ready:\n${all}`)))
  })
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await ended
    }
    rmSync(dir, { recursive: true, force: true })
  }
  return {
    url,
    process: child,
    log,
    value: async (name, labels = {}) => sumOf(await (await fetch(`${url}/metrics`)).text(), name, labels),
    send: async (method, path, body) => {
      const init = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      const answer = await fetch(`${url}${path}`, { method, ...init })
      return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
    },
    kill,
  }
}
