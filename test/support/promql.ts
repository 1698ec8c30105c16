/**
 * Names in a PromQL expression, found without a parser: metrics with the labels their matchers name, and the labels of by, on and group_left.
 * Good enough for what our generators write; a real Prometheus parses the same text in the integration tests.
 */
import { expect } from 'vitest'

export interface PromqlNames {
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[]
  readonly grouping: readonly string[]
}

const WORDS = new Set([
  'by',
  'on',
  'and',
  'or',
  'unless',
  'without',
  'ignoring',
  'group_left',
  'group_right',
  'offset',
  'bool',
  'inf',
  'nan',
])

/** Finds them. */
export function namesIn(expr: string): PromqlNames {
  const grouping: string[] = []
  const selectors: { metric: string; labels: string[] }[] = []
  const text = expr
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b\d[\d.]*(?:e[+-]?\d+)?\b/g, '')
    .replaceAll(/\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)/g, (_, list: string) => {
      grouping.push(
        ...list
          .split(',')
          .map((l) => l.trim())
          .filter((l) => l !== ''),
      )
      return ''
    })
  for (const match of text.matchAll(/([a-zA-Z_:$][\w:$]*)\s*(\{[^}]*\}|\()?/g)) {
    const [, name = '', after = ''] = match
    if (after === '(' || WORDS.has(name.toLowerCase())) continue
    selectors.push({ metric: name, labels: [...after.matchAll(/(\w+)\s*[=!]~?/g)].map((m) => m[1] ?? '') })
  }
  return { selectors, grouping }
}

/** Every series is known to `labelsOf`, every matcher names a label of its series, and every grouping one of some series here. */
export function expectNamesExist({ selectors, grouping }: PromqlNames, labelsOf: (series: string) => readonly string[] | undefined): void {
  expect(selectors.length).toBeGreaterThan(0)
  const known = new Set<string>()
  for (const { metric, labels } of selectors) {
    const allowed = labelsOf(metric)
    expect(allowed, `there is no series ${metric}`).toBeDefined()
    for (const label of labels) expect(allowed, `${metric} has no label ${label}`).toContain(label)
    for (const label of allowed ?? []) known.add(label)
  }
  for (const label of grouping) expect([...known], `no series here has the label ${label}`).toContain(label)
}
