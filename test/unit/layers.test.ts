/** Who may import whom (docs/decisions/0001): model ← everyone, stages do not import each other, only app imports everything. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const TOP = resolve(import.meta.dirname, '../..')
const LAYERS = ['model', 'processor', 'control', 'incidents', 'instrumentation', 'alert-rules', 'dashboards', 'app', 'bench']
/** Folders each may import besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = { model: [], app: LAYERS, bench: LAYERS }

function filesOf(layer: string): readonly string[] {
  try {
    return readdirSync(join(TOP, layer), { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.ts'))
      .map((f) => join(layer, f))
  } catch {
    return []
  }
}
const sources = LAYERS.flatMap(filesOf)
const text = (file: string): string => readFileSync(join(TOP, file), 'utf8')
const code = (file: string): string => text(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
const importsOf = (file: string): readonly string[] =>
  [...text(file).matchAll(/^(?:import|export|\})(?:[^'\n]* from )?'([^'\n]+)'$/gm)].map((m) => m[1] ?? '')

describe('imports', () => {
  test('there are sources to look at', () => expect(sources.length).toBeGreaterThan(50))
  test('go only where they may', () => {
    const wrong: string[] = []
    for (const file of sources) {
      const layer = file.split('/', 1)[0] ?? ''
      for (const target of importsOf(file).filter((t) => t.startsWith('.'))) {
        const to = relative(TOP, resolve(TOP, dirname(file), target)).split('/', 1)[0] ?? ''
        if (to !== layer && to !== 'model' && !(ALLOWED[layer] ?? []).includes(to)) wrong.push(`${file} → ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })
  test('packages stay where they belong', () => {
    const only: Readonly<Record<string, RegExp>> = {
      'prom-client': /^processor\/metrics\.ts$/,
      protobufjs: /^bench\//,
      pbf: /^bench\/wire\/peers\.ts$/,
      'otlp-transformer-0.57': /^bench\/wire\/peers\.ts$/,
      echarts: /^bench\/dashboards\//,
      'playwright-core': /^bench\/dashboards\//,
      '@pydantic/genai-prices': /^(processor\/price-list|(processor|instrumentation\/guards)\/prices)\.ts$/,
      undici: /^(processor\/relay|app\/commands\/https)\.ts$/,
      hono: /^app\//,
      '@hono/node-server': /^(app\/|bench\/scrape\.ts$)/,
      commander: /^app\/cli(-[a-z]+)?\.ts$/,
      kysely: /^app\/storage/,
      pg: /^app\/storage-(postgres|replicas)\.ts$/,
      '@openfeature/flagd-core': /^(app\/controls\/ofrep\.ts$|instrumentation\/)/,
      '@openfeature/core': /^(app\/controls\/|instrumentation\/)/,
      '@openfeature/server-sdk': /^instrumentation\/controls\/open-feature\.ts$/,
      // Everything but the provider asks for the API through otel.ts: which copy of it is in use is decided there.
      '@opentelemetry/api': /^(instrumentation\/(otel|provider|interventions)|bench\/(instrumentation\/stall|in-process-contender))\.ts$/,
      '@opentelemetry/context-async-hooks': /^instrumentation\/provider\.ts$/,
      '@opentelemetry/core': /^instrumentation\/provider\.ts$/,
      '@opentelemetry/resources': /^instrumentation\/provider\.ts$/,
      '@opentelemetry/sdk-trace': /^(instrumentation\/(provider|sampler|export\/[\w-]+)|bench\/in-process-contender)\.ts$/,
      'import-in-the-middle': /^instrumentation\/hooks\.ts$/,
      pino: /^app\/log\.ts$/,
      yaml: /^app\//,
      zod: /^(app\/|processor\/prices-override\.ts$)/,
    }
    const wrong: string[] = []
    for (const file of sources) {
      for (const target of importsOf(file).filter((t) => !t.startsWith('.') && !t.startsWith('node:'))) {
        const [name] = Object.keys(only).filter((n) => target === n || target.startsWith(`${n}/`))
        if (name === undefined || !only[name]?.test(file)) wrong.push(`${file} → ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })
})

test('the clock and timers stay at the rim: everything else is given the time', () => {
  const rim =
    /^(app\/|bench\/|instrumentation\/(?!guards\/)|processor\/(receive|receive-http|receive-grpc|receive-grpc-connections|relay|in-process)\.ts$)/
  const wrong = sources.filter((f) => !rim.test(f) && /\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(|\bnew Date\(\)/.test(code(f)))
  expect(wrong).toEqual([])
})

test('every source file says what it is for', () => {
  expect(sources.filter((f) => !/^(#!.*\n)?\/\*\*/.test(text(f)))).toEqual([])
})
