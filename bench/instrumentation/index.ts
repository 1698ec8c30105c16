/**
 * What the instrumentation costs an agent: time of a model call, CPU, start, and stalls of the event loop, each against the same without it, in
 * turns because machines are shared. Writes docs/instrumentation-overhead.md; with --quick it prints a first impression. What is measured is the
 * package as it is built, in a folder of its own.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { quantile } from './load.ts'

const TOP = join(import.meta.dirname, '../..')
const BUILT = join(TOP, '.agentopz/bench')
const REGISTER = pathToFileURL(join(BUILT, 'instrumentation/register.js')).href
const QUICK = process.argv.includes('--quick')

rmSync(BUILT, { recursive: true, force: true })
execFileSync(join(TOP, 'node_modules/.bin/tsc'), ['-p', join(TOP, 'tsconfig.build.json'), '--outDir', BUILT], { stdio: 'inherit' })
const server = spawn(process.execPath, [join(import.meta.dirname, 'server.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
const url = await new Promise<string>((done) => server.stdout.once('data', (line: Buffer) => done(line.toString().trim())))
const env = {
  PATH: process.env['PATH'],
  HOME: tmpdir(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_SERVICE_NAME: 'bench',
  AGENTOPZ_CONTROL_CACHE: 'off',
}
/** Where messages are on spans, as in the last measurement, which is of their export. */
const CONTENT = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' }

/** Runs a child to its end; what it printed. */
function child(
  script: string,
  args: readonly string[],
  flags: readonly string[] = [],
  more: Readonly<Record<string, string>> = {},
): string {
  return execFileSync(process.execPath, [...flags, script, ...args], { env: { ...env, ...more }, encoding: 'utf8' })
}
const part = (name: string): string => join(import.meta.dirname, `${name}.ts`)
const LAYER = ['--import', REGISTER]

/** Both ways in turns. */
function inTurns<T>(rounds: number, run: (flags: readonly string[]) => T): { readonly bare: readonly T[]; readonly layered: readonly T[] } {
  const seen: { bare: T[]; layered: T[] } = { bare: [], layered: [] }
  for (let i = 0; i < rounds; i++) {
    seen.bare.push(run([]))
    seen.layered.push(run(LAYER))
  }
  return seen
}

interface Latency {
  readonly median: { readonly bare: number; readonly layered: number }
  readonly p99: { readonly bare: number; readonly layered: number }
}
const note = (what: string): void => void process.stderr.write(`${what} …\n`)

note('time of a call')
const latency = JSON.parse(child(part('latency'), [REGISTER, url, QUICK ? '1000' : '10000'])) as { stub: Latency; loopback: Latency }

note('CPU at 50 calls a second')
const CPU_SECONDS = QUICK ? 3 : 6
const cpu = JSON.parse(child(part('cpu'), [REGISTER, url, QUICK ? '1' : '10', String(CPU_SECONDS)])) as {
  readonly bare: readonly number[]
  readonly layered: readonly number[]
}

note('start')
const dir = mkdtempSync(join(tmpdir(), 'agentopz-bench-'))
symlinkSync(join(TOP, 'test/conformance/sdks/langchain/node_modules'), join(dir, 'node_modules'))
writeFileSync(join(dir, 'empty.mjs'), '')
writeFileSync(join(dir, 'langchain.mjs'), "import 'langchain'\nimport '@langchain/openai'\nimport '@langchain/langgraph'\n")
const starts = (program: string): ReturnType<typeof inTurns<number>> =>
  inTurns(QUICK ? 3 : 15, (flags) => {
    const began = performance.now()
    child(join(dir, program), [], flags)
    return performance.now() - began
  })
const empty = starts('empty.mjs')
const langchain = starts('langchain.mjs')
rmSync(dir, { recursive: true })

note('stalls')
const stalls = inTurns(
  QUICK ? 1 : 4,
  (flags) => JSON.parse(child(part('stall'), [QUICK ? '3' : '15'], flags, CONTENT)) as { max: number; p99: number; characters: number },
)
server.kill()

const best = (values: readonly number[]): number => Math.min(...values)
const middle = (values: readonly number[]): number => quantile(values, 0.5)
const us = (ms: number): string => `${Math.round(ms * 1000)} µs`
const ms = (value: number, digits = 0): string => `${value.toFixed(digits)} ms`
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`
const added = ({ bare, layered }: Latency['median']): string => us(layered - bare)
const latencyRow = (name: string, l: Latency): string =>
  `| ${name} | ${us(l.median.bare)} | ${us(l.median.layered)} | **${added(l.median)}** | ${us(l.p99.bare)} | ${us(l.p99.layered)} | ${added(l.p99)} |`
const startRow = (name: string, s: { readonly bare: readonly number[]; readonly layered: readonly number[] }): string =>
  `| ${name} | ${ms(best(s.bare))} | ${ms(best(s.layered))} | **${ms(best(s.layered) - best(s.bare))}** | ${ms(middle(s.layered) - middle(s.bare))} |`
const maxima = (s: readonly { readonly max: number }[]): readonly number[] => s.map((x) => x.max)

const page = `# What the instrumentation costs an agent

Measured by \`npm run bench:instrumentation\`, which writes this page, on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}. Everything is measured against the same without the instrumentation, in turns. Spans are exported to a process on the same host.

## Time of a model call

A chat completion with a request of 6 KB, sent by \`fetch\` and read as JSON, ${QUICK ? '1,000' : '10,000'} times each way. Over loopback the numbers hold the network stack too; with a stub in its place they are the layer alone.

| | median without | median with | added | 99th percentile without | with | added |
|---|---|---|---|---|---|---|
${latencyRow('stub', latency.stub)}
${latencyRow('loopback', latency.loopback)}

Goal: under 100 µs at the median.

## CPU at 50 model calls a second

| | share of one core, median of ${cpu.bare.length} turns of ${CPU_SECONDS} s |
|---|---|
| without | ${percent(middle(cpu.bare))} |
| with | ${percent(middle(cpu.layered))} |
| added | **${percent(middle(cpu.layered) - middle(cpu.bare))}** |

Goal: under 1 % of one core.

## Start

Whole processes from start to end, of ${empty.bare.length}.

| program | best without | best with | added | added at the median |
|---|---|---|---|---|
${startRow('nothing', empty)}
${startRow('imports LangChain and LangGraph', langchain)}

Goal: under 150 ms for an application that imports LangChain.

## Stalls of the event loop

200 spans a second with ${(stalls.bare[0]?.characters ?? 0).toLocaleString('en')} characters of messages on each. The longest delay that a timer of 1 ms saw in a run; other work on the machine can only add to it, so the best of ${stalls.bare.length} runs says most.

| | best run | all runs |
|---|---|---|
| without | ${ms(best(maxima(stalls.bare)), 1)} | ${maxima(stalls.bare)
  .map((x) => x.toFixed(1))
  .join(', ')} |
| with | **${ms(best(maxima(stalls.layered)), 1)}** | ${maxima(stalls.layered)
  .map((x) => x.toFixed(1))
  .join(', ')} |

Goal: no stall over 20 ms.
`
if (QUICK) process.stdout.write(page)
else writeFileSync(join(TOP, 'docs/instrumentation-overhead.md'), page)
