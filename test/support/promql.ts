/**
 * Names in a PromQL expression, found without a parser: metrics with the labels their matchers name, and the labels of by, on and group_left.
 * Good enough for what our generators write; a real Prometheus parses the same text in the integration tests.
 */
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
