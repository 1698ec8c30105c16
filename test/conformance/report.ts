/** Results of the matrix → docs/conformance.md. Pure. */
import { type Expected, expectedOf } from './expected.ts'
import type { CellResult } from './matrix.ts'
import type { Sdk } from './sdks.ts'

const MODULES = { esm: 'ESM', cjs: 'CJS' } as const

/** What the test compares without running the matrix: which SDKs, which versions, how many scenarios. */
export function rowHeads(all: readonly Sdk[]): readonly string[] {
  return all.flatMap((sdk) =>
    sdk.modules.map((module) => {
      const scenarios = Object.keys(expectedOf(sdk)?.scenarios ?? {}).length
      return `| ${sdk.name} | ${sdk.version === '' ? '–' : sdk.version} | ${MODULES[module]} | ${scenarios} |`
    }),
  )
}

/** The document. */
export function conformanceDoc(results: readonly CellResult[], all: readonly Sdk[]): string {
  const versions = [...new Set(results.map((r) => r.node.name))]
  const rows = all.flatMap((sdk) => sdk.modules.map((module) => results.filter((r) => r.sdk.name === sdk.name && r.module === module)))
  const heads = rowHeads(all)
  const lines = rows.map(
    (cells, i) => `${heads[i] ?? ''} ${column(cells, spansOf)} | ${column(cells, behaviourOf)} | ${column(cells, guardsOf)} |`,
  )
  return `# Conformance

Unmodified programs on real SDKs, run bare and with \`--import agentopz/register\` on Node ${versions.join(', ')}, against a local provider. Written by \`npm run conformance\`; how it works: \`test/conformance/README.md\`.

- **Spans**: model calls, tokens by class, tool calls by name and outcome, agent, outcome, error types and nesting of every scenario are what the program did, worked out by hand.
- **Behaviour**: what the program prints (results, stream chunks, exceptions, response objects), how it exits, what it writes to stderr, and every HTTP request (path, body, headers, how often, whether the response was read to its end) are those of the bare run.
- **Guards**: an endless tool loop under a limit of steps asks the provider no more often than the limit allows and ends with one blocked attempt; under a kill switch it gets the fallback answer and the provider is not asked.

A Node version is listed where everything is right; struck through with the number of findings where it is not.

| SDK | package | modules | scenarios | spans | behaviour | guards |
|---|---|---|---|---|---|---|
${lines.join('\n')}
${findings(results)}
## Not supported, and why

${limits(all)}
`
}

type Judge = (r: CellResult) => number | undefined
const spansOf: Judge = (r) => (r.broken.length > 0 ? r.broken.length : r.spans?.length)
const behaviourOf: Judge = (r) => r.broken.length + r.behaviour.length
const guardsOf: Judge = (r) => r.guards?.length

function column(cells: readonly CellResult[], judge: Judge): string {
  return cells
    .map((r) => {
      const wrong = judge(r)
      if (wrong === undefined) return '–'
      return wrong === 0 ? r.node.name : `~~${r.node.name}~~ (${wrong})`
    })
    .join(' ')
}

function findings(results: readonly CellResult[]): string {
  const lines = results.flatMap((r) => {
    const where = `${r.sdk.name} ${MODULES[r.module]} ${r.node.name}`
    return [
      ...r.broken.map((f) => `- ${where}, bare, ${f.scenario || 'program'}: ${f.problem}`),
      ...r.behaviour.map((d) => `- ${where}, ${d.scenario || 'program'}: ${d.what} differs`),
      ...(r.spans ?? []).map((f) => `- ${where}, ${f.scenario}, spans: ${f.problem}`),
      ...(r.guards ?? []).map((f) => `- ${where}, ${f.scenario || 'program'}, guards: ${f.problem}`),
    ]
  })
  return lines.length === 0 ? '' : `\n## Findings\n\n${lines.join('\n')}\n`
}

/** What expected.json does not assert, or says is lost. */
function limits(all: readonly Sdk[]): string {
  const lines = all.flatMap((sdk) => {
    const expected = expectedOf(sdk)
    if (expected === undefined) return []
    return [...(expected.limits ?? []), ...unasserted(expected)].map((text) => `- **${sdk.name}**: ${text}`)
  })
  return lines.length === 0 ? 'Nothing that the programs try.' : lines.join('\n')
}

function unasserted(expected: Expected): readonly string[] {
  const reasons = new Map<string, string[]>()
  for (const [scenario, truth] of Object.entries(expected.scenarios)) {
    for (const [field, value] of Object.entries(truth)) {
      if (value !== null) continue
      const why = typeof truth.why === 'string' ? truth.why : truth.why?.[field]
      const reason = why ?? 'no reason given'
      reasons.set(reason, [...(reasons.get(reason) ?? []), `${field} of \`${scenario}\``])
    }
  }
  return [...reasons].map(([reason, what]) => `not asserted, ${reason}: ${what.join(', ')}`)
}
