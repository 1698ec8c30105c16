/**
 * PromQL whose names are checked: a metric, recorded series or label that does not exist is a compile error.
 * A vector is its text and the labels it still has; every operation below says what it does to both, so a legend or a grouping that names
 * a label which an inner `sum by` dropped does not compile either. Names come from model/metrics.ts and model/recorded.ts only.
 */
import type { AlertName } from '../model/alerts.ts'
import { type LabelOf, METRICS, type MetricDefinition, type MetricName, type NameOfType } from '../model/metrics.ts'
import { RECORDED, type RecordedName, type RecordedSeries } from '../model/recorded.ts'
import type { SLI_LABELS } from '../model/slis.ts'
import { OTHERS, type OtherName } from './others.ts'

export interface Vector<L extends string> {
  readonly promql: string
  readonly labels: readonly L[]
}

/** Labels that Prometheus adds to what it scrapes. */
export type TargetLabel = 'job' | 'instance'
type Written<R extends RecordedName> = R extends keyof typeof RECORDED ? (typeof RECORDED)[R]['labels'][number] : never
/** Windows of an SLI are written by a loop, so their labels are known as SLI_LABELS rather than from each row. */
export type RecordedLabel<R extends RecordedName> = string extends Written<R> ? (typeof SLI_LABELS)[number] : Written<R>
export type AlertLabel = 'alertname' | 'alertstate' | 'severity' | 'family' | 'cause' | 'agent' | 'environment' | 'team' | 'tool' | 'sli'

/** A label's value, one of several, a matcher written out (`{ re: '…' }`, `{ not: '…' }`), or ANY for no matcher at all. */
export type Match = string | readonly string[] | { readonly re: string } | { readonly not: string } | typeof ANY
export type Where<L extends string> = { readonly [K in L]?: Match }
/** Leaves out the matcher that a scope would add. */
export const ANY = Symbol('any')

/** What every selector of a dashboard is narrowed to, as matchers by label; labels that a series lacks are left out. */
export type Scope = Readonly<Partial<Record<'agent' | 'environment', Match>>>

export interface Words {
  metric<M extends MetricName>(name: M, where?: Where<LabelOf<M> | TargetLabel>): Vector<LabelOf<M> | TargetLabel>
  bucket<M extends NameOfType<'histogram'>>(name: M, where?: Where<LabelOf<M>>): Vector<LabelOf<M> | TargetLabel | 'le'>
  sumOf<M extends NameOfType<'histogram'>>(name: M, where?: Where<LabelOf<M>>): Vector<LabelOf<M> | TargetLabel>
  countOf<M extends NameOfType<'histogram'>>(name: M, where?: Where<LabelOf<M>>): Vector<LabelOf<M> | TargetLabel>
  recorded<R extends RecordedName>(name: R, where?: Where<RecordedLabel<R>>): Vector<RecordedLabel<R>>
  alerts(
    name: 'ALERTS' | 'ALERTS_FOR_STATE',
    where?: Where<AlertLabel> & { readonly alertname?: AlertName | { readonly not: AlertName } },
  ): Vector<AlertLabel>
  /** Series that neither we nor our rules write: the process, the target, Prometheus itself. */
  other<O extends OtherName>(name: O, where?: Where<OtherLabel<O>>): Vector<OtherLabel<O>>
}
type OtherLabel<O extends OtherName> = (typeof OTHERS)[O]['labels'][number] | TargetLabel

/** The words with a scope: `{ agent: { re: '$agent' } }` narrows every selector that has the label. */
export function words(scope: Scope): Words {
  const of = (name: string, labels: readonly string[], where: Where<string> = {}): Vector<never> => ({
    promql: `${name}${matchers({ ...within(scope, labels), ...where })}`,
    labels: labels as readonly never[],
  })
  const raw = (name: MetricName, part: string, where?: Where<string>): Vector<never> => {
    const definition: MetricDefinition = METRICS[name]
    return of(`${name}${part}`, [...definition.labels, 'job', 'instance', ...(part === '_bucket' ? ['le'] : [])], where)
  }
  return {
    metric: (name, where) => raw(name, '', where),
    bucket: (name, where) => raw(name, '_bucket', where),
    sumOf: (name, where) => raw(name, '_sum', where),
    countOf: (name, where) => raw(name, '_count', where),
    recorded: (name, where) => {
      const definition: RecordedSeries = RECORDED[name]
      return of(name, definition.labels, where)
    },
    // Watchers have no agent: the scope would hide them.
    alerts: (name, where) => ({ promql: `${name}${matchers(where ?? {})}`, labels: [] }),
    other: (name, where) => of(name, [...OTHERS[name].labels, 'job', 'instance'], where),
  }
}

function within(scope: Scope, labels: readonly string[]): Where<string> {
  return Object.fromEntries(Object.entries(scope).filter(([label]) => labels.includes(label)))
}

function matchers(where: Where<string>): string {
  const parts = Object.entries(where).flatMap(([label, match]) => {
    if (match === undefined || match === ANY) return []
    if (typeof match === 'string') return [`${label}="${match}"`]
    if ('re' in match) return [`${label}=~"${match.re}"`]
    if ('not' in match) return [`${label}!="${match.not}"`]
    return [`${label}=~"${match.join('|')}"`]
  })
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

/** Keeps the labels and changes the text: for functions that take and give one vector. */
export function apply<L extends string>(v: Vector<L>, text: (promql: string) => string): Vector<L> {
  return { ...v, promql: text(v.promql) }
}
export const rate = <L extends string>(v: Vector<L>, range = '$__rate_interval'): Vector<L> => apply(v, (x) => `rate(${x}[${range}])`)
export const increase = <L extends string>(v: Vector<L>, range = '$__rate_interval'): Vector<L> =>
  apply(v, (x) => `increase(${x}[${range}])`)

/** Aggregations keep the labels they are given, which the vector must have. */
function aggregate<L extends string, const B extends L>(how: string, by: readonly B[], v: Vector<L>): Vector<B> {
  return { promql: `${how}${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${v.promql})`, labels: by }
}
export const sum = <L extends string, const B extends L = never>(by: readonly B[], v: Vector<L>): Vector<B> => aggregate('sum', by, v)
export const max = <L extends string, const B extends L = never>(by: readonly B[], v: Vector<L>): Vector<B> => aggregate('max', by, v)
export const min = <L extends string, const B extends L = never>(by: readonly B[], v: Vector<L>): Vector<B> => aggregate('min', by, v)
export const count = <L extends string, const B extends L = never>(by: readonly B[], v: Vector<L>): Vector<B> => aggregate('count', by, v)

/** Arithmetic between vectors with the same labels; nothing is matched by chance. */
export function divide<L extends string>(a: Vector<L>, b: Vector<NoInfer<L>>): Vector<L> {
  return { ...a, promql: `${a.promql} / ${paren(b.promql)}` }
}
/** The second where the first has nothing. */
export function or<L extends string>(a: Vector<L>, b: Vector<NoInfer<L>>): Vector<L> {
  return { ...a, promql: `${a.promql} or ${b.promql}` }
}
/** A share and never a division by nothing: no answer where there were no events. */
export function share<L extends string>(part: Vector<L>, whole: Vector<NoInfer<L>>): Vector<L> {
  return { ...part, promql: `${part.promql} / (${whole.promql} > 0)` }
}
export function quantile<L extends string>(q: number, v: Vector<L | 'le'>): Vector<Exclude<L, 'le'>> {
  return { promql: `histogram_quantile(${q}, ${v.promql})`, labels: v.labels.filter((l): l is Exclude<L, 'le'> => l !== 'le') }
}
/** A number that is always there, for counts whose absence means none. */
export function orZero(v: Vector<never>): Vector<never> {
  return apply(v, (x) => `${x} or vector(0)`)
}

/** Binds a lower operator before a division. */
function paren(text: string): string {
  return /^[\w:]+(\{[^}]*\})?$/.test(text) || /^\w+( by \([^)]*\))? \(.*\)$/.test(text) ? text : `(${text})`
}
