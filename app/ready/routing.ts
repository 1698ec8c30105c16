/**
 * Alertmanager's configuration, as its API tells it → which receivers an alert goes to, and what those can do. Routes are walked as
 * Alertmanager walks them: depth first, the first child that matches unless it says `continue`, the node itself when none does.
 * What cannot be read (a matcher of a form not known here) throws, for a wrong answer would be worse than none.
 * Format: https://prometheus.io/docs/alerting/latest/configuration/, as of 0.22 and later.
 */
import { parse } from 'yaml'
import { z } from 'zod'

export type Labels = Readonly<Record<string, string>>
type Matches = (labels: Labels) => boolean

/** One receiver that an alert goes to. */
export interface Destination {
  readonly receiver: string
  /** Kinds of integrations it has: `webhook`, `pagerduty` …; none tells nobody. */
  readonly integrations: readonly string[]
  /** Names of time intervals outside which, or in which, it is not told. */
  readonly onlyIn: readonly string[]
  readonly neverIn: readonly string[]
  /** URLs of its webhooks that are not masked. */
  readonly webhookUrls: readonly string[]
}

export interface RouteTree {
  destinations(labels: Labels): readonly Destination[]
}

interface Node {
  readonly receiver: string
  readonly matches: Matches
  readonly goesOn: boolean
  readonly onlyIn: readonly string[]
  readonly neverIn: readonly string[]
  readonly children: readonly Node[]
}

const strings = z.array(z.string()).nullish()
const byLabel = z.record(z.string(), z.coerce.string()).nullish()
interface RouteText {
  readonly receiver?: string | null | undefined
  readonly match?: Labels | null | undefined
  readonly match_re?: Labels | null | undefined
  readonly matchers?: string[] | null | undefined
  readonly continue?: boolean | null | undefined
  readonly active_time_intervals?: string[] | null | undefined
  readonly mute_time_intervals?: string[] | null | undefined
  readonly routes?: RouteText[] | null | undefined
}
const route: z.ZodType<RouteText> = z.lazy(() =>
  z.object({
    receiver: z.string().nullish(),
    match: byLabel,
    match_re: byLabel,
    matchers: strings,
    continue: z.boolean().nullish(),
    active_time_intervals: strings,
    mute_time_intervals: strings,
    routes: z.array(route).nullish(),
  }),
)
const receiver = z.looseObject({ name: z.string() })
const configuration = z.object({ route, receivers: z.array(receiver) })

/** @throws Error when it is not of that form. */
export function readRoutes(yaml: string): RouteTree {
  const { route: root, receivers } = configuration.parse(parse(yaml))
  const byName = new Map(receivers.map((r) => [r.name, r]))
  const tree = nodeOf(root, '')
  return {
    destinations: (labels) =>
      walk(tree, labels).map((node) => {
        const found = byName.get(node.receiver) ?? {}
        const lists = Object.entries(found).filter(([key, value]) => key.endsWith('_configs') && Array.isArray(value) && value.length > 0)
        return {
          receiver: node.receiver,
          integrations: lists.map(([key]) => key.replace(/_configs$/, '')),
          onlyIn: node.onlyIn,
          neverIn: node.neverIn,
          webhookUrls: lists.flatMap(([key, value]) => (key === 'webhook_configs' ? urlsOf(value) : [])),
        }
      }),
  }
}

function urlsOf(configs: unknown): readonly string[] {
  return (configs as readonly { readonly url?: unknown }[]).flatMap(({ url }) =>
    typeof url === 'string' && URL.canParse(url) ? [url] : [],
  )
}

function nodeOf(text: RouteText, inherited: string): Node {
  const name = text.receiver ?? inherited
  const tests = [
    ...Object.entries(text.match ?? {}).map(
      ([label, value]): Matches =>
        (labels) =>
          valueOf(labels, label) === value,
    ),
    ...Object.entries(text.match_re ?? {}).map(([label, value]) => regexMatches(label, value, true)),
    ...(text.matchers ?? []).flatMap(readMatchers),
  ]
  return {
    receiver: name,
    matches: (labels) => tests.every((matches) => matches(labels)),
    goesOn: text.continue === true,
    onlyIn: text.active_time_intervals ?? [],
    neverIn: text.mute_time_intervals ?? [],
    children: (text.routes ?? []).map((child) => nodeOf(child, name)),
  }
}

/** Nodes that tell of an alert which reached `node`. */
function walk(node: Node, labels: Labels): readonly Node[] {
  const found: Node[] = []
  for (const child of node.children) {
    if (!child.matches(labels)) continue
    found.push(...walk(child, labels))
    if (!child.goesOn) break
  }
  return found.length > 0 ? found : [node]
}

/** `name="value"`, several with commas between, in braces or not; values quoted or bare. */
const MATCHER = /\s*(?:"((?:[^"\\]|\\.)+)"|([a-zA-Z_:][\w:]*))\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,{}"]*))\s*(?:,|$)/y

function readMatchers(text: string): readonly Matches[] {
  const inner = text
    .trim()
    .replace(/^\{|\}$/g, '')
    .trim()
  const found: Matches[] = []
  MATCHER.lastIndex = 0
  while (MATCHER.lastIndex < inner.length) {
    const at = MATCHER.lastIndex
    const match = MATCHER.exec(inner)
    if (match === null) throw new Error(`a matcher that cannot be read here: ${text.slice(at, at + 100)}`)
    const [, quotedName, bareName, operator = '=', quotedValue, bareValue] = match
    found.push(matcher(unescaped(quotedName) ?? bareName ?? '', operator, unescaped(quotedValue) ?? bareValue ?? ''))
  }
  return found
}

function unescaped(text: string | undefined): string | undefined {
  return text?.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
}

/** One matcher; a label that is not there is an empty one. */
export function matcher(name: string, operator: string, value: string): Matches {
  if (operator === '=' || operator === '!=') return (labels) => (valueOf(labels, name) === value) === (operator === '=')
  return regexMatches(name, value, operator === '=~')
}

/** Go's expressions are anchored; where ours read them otherwise, or not at all, nobody knows. */
function regexMatches(name: string, value: string, isWanted: boolean): Matches {
  const flags = value.startsWith('(?i)') ? 'iu' : 'u'
  const source = value.replace(/^\(\?i\)/, '')
  let pattern: RegExp
  try {
    pattern = new RegExp(`^(?:${source})$`, flags)
  } catch {
    // Escapes that Go allows and JavaScript's stricter mode does not, such as \-.
    try {
      pattern = new RegExp(`^(?:${source})$`, flags.replace('u', ''))
    } catch {
      throw new Error(`an expression that cannot be read here: ${value.slice(0, 100)}`)
    }
  }
  return (labels) => pattern.test(valueOf(labels, name)) === isWanted
}

/** A label that is not there is an empty one, also when it is called `constructor`. */
function valueOf(labels: Labels, name: string): string {
  return Object.hasOwn(labels, name) ? (labels[name] ?? '') : ''
}
