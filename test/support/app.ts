/** The product in process for tests: free ports, short times, quiet logs. */
import { createApp, type App } from '../../app/app.ts'
import { parseConfig } from '../../app/config.ts'
import { createLog } from '../../app/log.ts'

export interface TestApp {
  readonly app: App
  readonly otlp: string
  readonly grpc: string
  readonly url: string
  metrics(accept?: string): Promise<string>
  /** Value of a sample, summed over the series whose labels are given. */
  value(name: string, labels?: Readonly<Record<string, string>>): Promise<number>
}

/** Starts an app with `yaml` over port 0 everywhere, storing nothing on disk unless `yaml` says where. */
export async function startTestApp(yaml = ''): Promise<TestApp> {
  const storage = /^storage:/m.test(yaml) ? '' : "storage: 'sqlite::memory:'\n"
  const text = `${storage}receive: { otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0' }\nlisten: 127.0.0.1:0\nlog: { level: silent }\nshutdown: { grace_seconds: 1 }\n${yaml}`
  const loaded = parseConfig(text, 'test.yaml', process.env)
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  const app = createApp({ config: loaded.config, dir: loaded.dir, log: createLog(loaded.config.log) })
  await app.start()
  const url = `http://127.0.0.1:${app.ports.listen}`
  const metrics = async (accept?: string): Promise<string> =>
    (await fetch(`${url}/metrics`, accept === undefined ? {} : { headers: { accept } })).text()
  return {
    app,
    url,
    otlp: `http://127.0.0.1:${app.ports.otlpHttp}`,
    grpc: `127.0.0.1:${app.ports.otlpGrpc}`,
    metrics,
    value: async (name, labels = {}) => sumOf(await metrics(), name, labels),
  }
}

/** Sums the samples of a name whose labels include those given. */
export function sumOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  let sum = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue
    if (Object.entries(labels).every(([k, v]) => line.includes(`${k}="${v}"`))) sum += Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return sum
}

/** Waits until a condition holds; fails the test when it does not in time. */
export async function until(holds: () => Promise<boolean>, what: string, seconds = 10): Promise<void> {
  for (let i = 0; i < seconds * 20; i++) {
    if (await holds()) return
    await new Promise((r) => setTimeout(r, 50))
  }
  throw new Error(`not within ${seconds} s: ${what}`)
}
