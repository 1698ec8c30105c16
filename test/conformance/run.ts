/**
 * `node test/conformance/run.ts NAME [SCENARIO…] [--cjs] [--node 22] [--bare] [--twice] [--spans] [--requests] [--guards]`: one program, both ways,
 * and everything that is wrong, for whoever writes a program or an integration. `--bare --twice` compares two bare runs: what differs
 * then is the program's own doing. Exit 1 when something is wrong.
 */
import { parseArgs } from 'node:util'
import { startProvider } from '../support/provider.ts'
import { compareRuns, type Difference } from './compare.ts'
import { conform, runBare } from './conform.ts'
import { expectedOf } from './expected.ts'
import type { ProgramRun } from './program-run.ts'
import { checkGuards } from './guards.ts'
import { CURRENT_NODE, nodes, sdks } from './sdks.ts'
import { startSink } from './sink.ts'
import { type SpanSeen, telemetryOf } from './telemetry.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cjs: { type: 'boolean' },
    node: { type: 'string' },
    bare: { type: 'boolean' },
    twice: { type: 'boolean' },
    spans: { type: 'boolean' },
    requests: { type: 'boolean' },
    guards: { type: 'boolean' },
  },
})
const [name, ...args] = positionals
const sdk = sdks().find((s) => s.name === name)
const node = values.node === undefined ? CURRENT_NODE : nodes().find((n) => n.name === values.node)
if (sdk === undefined || node === undefined) {
  console.error(
    sdk === undefined
      ? `no program "${name ?? ''}"; one of: ${sdks()
          .map((s) => s.name)
          .join(', ')}`
      : `Node ${values.node} is not installed: node test/conformance/install.ts nodes`,
  )
  process.exit(2)
}

function showDifferences(differences: readonly Difference[]): void {
  for (const d of differences)
    console.log(`✗ ${d.scenario || 'program'}: ${d.what}\n    bare          ${d.bare}\n    instrumented  ${d.instrumented}`)
}

function showRun(run: ProgramRun): void {
  for (const line of run.stdout) console.log(line.length > 400 ? `${line.slice(0, 400)}…` : line)
  if (run.stderr.length > 0) console.log(`stderr:\n${run.stderr.join('\n')}`)
  if (values.requests === true)
    for (const c of run.calls) console.log(`${c.mark}: ${c.method} ${c.path} ${c.model} ${c.end} ${c.body.slice(0, 300)}`)
}

function tree(spans: readonly SpanSeen[]): void {
  const show = (s: SpanSeen, depth: number): void => {
    console.log(`  ${'  '.repeat(depth)}${s.name} ${JSON.stringify(s.attributes)}`)
    for (const child of spans.filter((c) => c.parentSpanId === s.spanId)) show(child, depth + 1)
  }
  for (const s of spans.filter((x) => !spans.some((p) => p.spanId === x.parentSpanId))) show(s, 0)
}

function showSpans(run: ProgramRun): void {
  for (const [scenario, seen] of telemetryOf(run)) {
    console.log(`${scenario || '(before the first)'}: ${seen.runs.length} runs`)
    tree(seen.spans)
  }
}

const bench = { provider: await startProvider(), sink: await startSink() }
const chosen = { sdk, module: values.cjs === true ? 'cjs' : 'esm', node, args } as const
let wrong = 0
if (values.guards === true) {
  const found = await checkGuards(chosen, bench, values.spans === true ? showSpans : undefined)
  if (found === undefined) console.log('there is no endless loop to end')
  for (const f of found ?? []) console.log(`✗ ${f.scenario || 'program'}: ${f.problem}`)
  wrong = found?.length ?? 0
  console.log(`${sdk.name} ${chosen.module} on ${node.name}, guards: ${wrong} wrong`)
} else if (values.bare === true) {
  const { bare, broken } = await runBare(chosen, bench)
  showRun(bare)
  const differences = values.twice === true ? compareRuns(bare, (await runBare(chosen, bench)).bare, expectedOf(sdk)?.volatile) : []
  showDifferences(differences)
  for (const f of broken) console.log(`✗ ${f.scenario || 'program'}: ${f.problem}`)
  wrong = broken.length + differences.length
} else {
  const { bare, instrumented, broken, behaviour, spans } = await conform(chosen, bench)
  for (const f of broken) console.log(`✗ bare ${f.scenario || 'program'}: ${f.problem}`)
  if (instrumented !== undefined && values.spans === true) showSpans(instrumented)
  showDifferences(behaviour)
  for (const f of spans ?? []) console.log(`✗ ${f.scenario} spans: ${f.problem}`)
  if (spans === undefined) console.log('spans were not checked: expected.json is missing, or the program did not start')
  wrong = broken.length + behaviour.length + (spans?.length ?? 0)
  console.log(
    `${sdk.name} ${chosen.module} on ${node.name}: ${wrong} wrong; bare ${bare.durationMs} ms, instrumented ${instrumented?.durationMs ?? '–'} ms`,
  )
}
await bench.provider.close()
await bench.sink.close()
process.exitCode = wrong === 0 ? 0 : 1
