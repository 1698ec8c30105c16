/**
 * A process that keeps incidents, controls and their response in a file, and does what its parent asks over IPC, until it is killed. For tests
 * that kill it at any moment: what it has answered must be true afterwards.
 */
import { PrometheusError } from '../../app/prometheus.ts'
import { ControlPlane } from '../../app/controls/plane.ts'
import { Incidents } from '../../app/incidents/incidents.ts'
import type { Asked } from '../../app/response/asked.ts'
import { Response } from '../../app/response/response.ts'
import { standingOf } from '../../app/response/standing.ts'
import { createStorage } from '../../app/storage.ts'
import { incidentSettings, planeSettings } from './plane-settings.ts'

export type Request =
  | { readonly n: number; readonly do: 'act'; readonly asked: Asked }
  | { readonly n: number; readonly do: 'undo'; readonly action: string }
  | { readonly n: number; readonly do: 'look' }

const AGENT = 'support'
const clock = (): number => Date.now()
const fail = (error: unknown): never => {
  process.send?.({ bug: String(error) })
  throw error
}
const no = (): Promise<never> => Promise.reject(new PrometheusError('unreachable', 'there is none'))

const storage = createStorage('sqlite:./a.db', process.argv[2] ?? '.')
const plane = new ControlPlane(storage, planeSettings(), {
  done: () => undefined,
  changed: () => undefined,
  storageFailed: (_, e) => fail(e),
  storageRecovered: () => undefined,
  conflicted: () => undefined,
})
const incidents = new Incidents(
  storage,
  incidentSettings({ mergeWindowMs: 1e9, resolveAfterMs: 1e9, reopenWithinMs: 1e9, maxTimeline: 100_000 }),
  clock,
  { changed: () => undefined, storageFailed: (_, e) => fail(e), dropped: () => undefined, listenerFailed: fail },
)
await plane.load(clock())
await incidents.load()
const response = new Response({
  plane,
  incidents,
  clock,
  leads: () => true,
  evidence: { facts: no, volume: no, around: no, pause: no, failed: no, fires: no },
  settings: () => ({ playbooks: [], checkEveryMs: 1e9, settleMs: 1000, scale: 1, runs: 50, withinMs: 14_400_000 }),
  standingOf: (agent, environment, choosing) => {
    const before = plane.releases(agent)?.activations.at(-2)
    const from = plane.releases(agent)?.activations.at(-1) ?? ''
    const choice =
      before === undefined
        ? ({ ok: false, because: 'nothing_before', detail: 'nothing before' } as const)
        : ({ ok: true, version: before, from, because: 'former', text: 'the one before', passedOver: [] } as const)
    return standingOf(
      { plane, choose: () => Promise.resolve(choice), fallbackOf: () => undefined },
      { agent, environment, choosing, now: clock() },
    )
  },
  knownTools: () => [],
  events: { looked: () => undefined, failed: fail },
})

if (incidents.list().length === 0) {
  const who = { actor: 'ana', reason: '', via: 'test' }
  for (const version of ['v1', 'v2', 'v3']) {
    await plane.publish({ agent: AGENT, version, prompts: { system: version }, config: {} }, who, clock)
    await plane.activate(AGENT, version, who, clock)
  }
  const labels = { alertname: 'AgentQualityDrop', severity: 'critical', agent: AGENT, environment: '' }
  await incidents.receive([{ fingerprint: 'aa', status: 'firing', labels, summary: '', startsMs: clock() }])
}

process.on('message', (request: Request) => void answer(request))
process.send?.({ ready: true })

async function answer(request: Request): Promise<void> {
  switch (request.do) {
    case 'act':
      process.send?.({ n: request.n, done: await response.act('inc_1', request.asked) })
      return
    case 'undo':
      process.send?.({ n: request.n, done: await response.undo('inc_1', request.action, { actor: 'ana', reason: 'enough', via: 'test' }) })
      return
    case 'look':
      await response.look()
      process.send?.({
        n: request.n,
        state: {
          actions: incidents.get('inc_1')?.actions ?? [],
          controls: plane.controls(clock()).map((c) => c.id),
          active: plane.releases(AGENT)?.activations.at(-1),
          audit: await plane.audit(100_000),
        },
      })
  }
}
