/** Facts for tests: a trace is written as a tree of small objects, ids and times are filled in. */
import type { Fact, Reading } from '../../model/run.ts'
import type { Link } from '../../processor/runs/tree.ts'

export interface Sketch {
  /** Short name; becomes the span id (padded hex of its characters). */
  readonly id: string
  readonly reading?: Reading
  readonly status?: Fact['status']
  readonly at?: number
  readonly ms?: number
  readonly children?: readonly Sketch[]
  /** Set to give a root a parent that is not in the trace. */
  readonly missing?: 'local' | 'remote' | 'unknown'
  readonly service?: string
  readonly weight?: number
}

export const TRACE = '0af7651916cd43dd8448eb211c80319c'

export const idOf = (name: string): string => Buffer.from(name).toString('hex').padStart(16, '0').slice(-16)

export interface Spans {
  readonly facts: readonly Fact[]
  readonly links: readonly (readonly [string, Link])[]
}

/** Flattens sketches to facts and links (a sketch without a reading is a link), in the order written. */
export function spansOf(...roots: readonly Sketch[]): Spans {
  const facts: Fact[] = []
  const links: [string, Link][] = []
  let clock = 0
  const walk = (s: Sketch, parent: string, location: Fact['parentLocation']): void => {
    const at = s.at ?? (clock += 10)
    if (s.reading === undefined) links.push([idOf(s.id), { parentSpanId: parent, parentLocation: location }])
    else {
      facts.push({
        spanId: idOf(s.id),
        parentSpanId: parent,
        parentLocation: location,
        startMs: 1_760_000_000_000 + at,
        durationMs: s.ms ?? 5,
        status: s.status ?? 'unset',
        dialect: 'gen_ai',
        reading: s.reading,
        service: s.service ?? 'shop',
        environment: 'prod',
        weight: s.weight ?? 1,
      })
    }
    for (const c of s.children ?? []) walk(c, idOf(s.id), 'local')
  }
  for (const r of roots) walk(r, r.missing === undefined ? '' : 'ffffffffffffff01', r.missing ?? 'unknown')
  return { facts, links }
}

export const agent = (
  id: string,
  name: string | undefined,
  children: readonly Sketch[],
  more: Partial<Sketch> & { reading?: Reading } = {},
): Sketch => ({
  id,
  ...more,
  children,
  reading: { role: 'agent', ...(name === undefined ? {} : { agentName: name }), ...more.reading },
})
export const model = (id: string, input?: number, output?: number, more: Partial<Reading> = {}, sketch: Partial<Sketch> = {}): Sketch => ({
  id,
  ...sketch,
  reading: {
    role: 'model',
    provider: 'openai',
    requestModel: 'gpt-5-mini',
    responseModel: 'gpt-5-mini-2026-08-01',
    ...(input === undefined || output === undefined ? {} : { usage: { input, output, cacheAccounting: 'included' }, finish: 'stop' }),
    ...more,
  },
})
export const tool = (id: string, name: string, more: Partial<Reading> = {}, sketch: Partial<Sketch> = {}): Sketch => ({
  id,
  ...sketch,
  reading: { role: 'tool', toolName: name, ...more },
})
export const http = (id: string, children: readonly Sketch[], more: Partial<Sketch> = {}): Sketch => ({ id, children, ...more })
