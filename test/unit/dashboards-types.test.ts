/**
 * Names that do not exist do not compile, and what we write fits Grafana's own types. Both are proven by the type checker: a line below an
 * `@ts-expect-error` that compiled would be an error, and so would a key of ours that Grafana does not have.
 */
import type * as grafana from '@grafana/schema'
import type { Options as HeatmapOptions } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen'
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen'
import type { Options as StateTimelineOptions } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen'
import type { Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen'
import type {
  FieldConfig as TimeseriesField,
  Options as TimeseriesOptions,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'
import { expect, test } from 'vitest'
import type * as ours from '../../dashboards/grafana.ts'
import { query } from '../../dashboards/panels.ts'
import { divide, increase, rate, share, sum, words } from '../../dashboards/query.ts'

const w = words({ agent: '$agent', environment: { re: '$environment' } })

test('a scope narrows what has its labels, and nothing else', () => {
  expect(w.metric('agentopz_open_runs').promql).toBe('agentopz_open_runs{agent="$agent",environment=~"$environment"}')
  expect(w.metric('agentopz_open_spans').promql).toBe('agentopz_open_spans')
  expect(w.bucket('agentopz_run_steps', { agent: 'a' }).promql).toBe('agentopz_run_steps_bucket{agent="a",environment=~"$environment"}')
  expect(w.alerts('ALERTS', { severity: ['critical', 'warning'] }).promql).toBe('ALERTS{severity=~"critical|warning"}')
})

test('operations write what they say', () => {
  const runs = increase(w.metric('agentopz_runs_total', { agent: 'a', environment: 'e', quality: { not: 'unrated' } }), '1h')
  expect(sum(['model'], runs).promql).toBe(
    'sum by (model) (increase(agentopz_runs_total{agent="a",environment="e",quality!="unrated"}[1h]))',
  )
  const [a, b] = [sum([], rate(words({}).metric('agentopz_late_spans_total'))), sum([], words({}).metric('agentopz_open_runs'))]
  expect(share(a, b).promql).toBe('sum (rate(agentopz_late_spans_total[$__rate_interval])) / (sum (agentopz_open_runs) > 0)')
  expect(divide(a, { promql: '1 + 2', labels: [] }).promql).toBe('sum (rate(agentopz_late_spans_total[$__rate_interval])) / (1 + 2)')
})

test('a name that does not exist does not compile', () => {
  const wrong = (): void => {
    // @ts-expect-error -- not a metric
    w.metric('agentopz_run_total')
    // @ts-expect-error -- no such label
    w.metric('agentopz_runs_total', { outcom: 'ok' })
    // @ts-expect-error -- only histograms have buckets
    w.bucket('agentopz_runs_total')
    // @ts-expect-error -- not a recorded series
    w.recorded('agent_sli:bad_ratio:2h')
    // @ts-expect-error -- a label that this series lacks
    sum(['tool'], w.metric('agentopz_runs_total'))
    // @ts-expect-error -- a legend that names a label which is summed away
    query(sum(['agent'], w.metric('agentopz_runs_total')), '{{model}}')
    // @ts-expect-error -- the two sides have other labels
    share(sum(['agent'], w.metric('agentopz_runs_total')), sum(['agent', 'model'], w.metric('agentopz_runs_total')))
    // @ts-expect-error -- not an alert
    w.alerts('ALERTS', { alertname: 'AgentQualityDorp' })
    // @ts-expect-error -- a series of the process that is not listed
    w.other('process_cpu_seconds')
  }
  expect(wrong).toBeTypeOf('function')
})

/** Grafana's types with its enums as the words they stand for. */
type Plain<T> = 0 extends 1 & T
  ? T
  : T extends string
    ? `${T}`
    : T extends readonly (infer U)[]
      ? readonly Plain<U>[]
      : T extends object
        ? { readonly [K in keyof T]: Plain<T[K]> }
        : T
/** Keys of ours that theirs lacks, at any depth, as paths; never when there is none. */
type Unknown<O, T> = 0 extends 1 & T
  ? never
  : O extends readonly unknown[]
    ? never
    : O extends object
      ? { [K in keyof O & string]: K extends keyof T ? Nested<K, Unknown<NonNullable<O[K]>, NonNullable<T[K]>>> : K }[keyof O & string]
      : never
type Nested<K extends string, P> = P extends string ? `${K}.${P}` : never
type Fits<O, T> = [Unknown<O, T>] extends [never]
  ? O extends Plain<Pick<T, keyof O & keyof T>>
    ? 'fits'
    : 'a type differs'
  : Unknown<O, T> extends infer Path extends string
    ? `Grafana has no ${Path}`
    : never

test('options of every type of panel, fields, variables, links and annotations fit @grafana/schema', () => {
  const stat: Fits<ours.StatOptions, StatOptions> = 'fits'
  const timeseries: Fits<ours.TimeseriesOptions, TimeseriesOptions> = 'fits'
  const table: Fits<ours.TableOptions, TableOptions> = 'fits'
  const stateTimeline: Fits<ours.StateTimelineOptions, StateTimelineOptions> = 'fits'
  const heatmap: Fits<ours.HeatmapOptions, HeatmapOptions> = 'fits'
  const custom: Fits<ours.CustomField, TimeseriesField> = 'fits'
  const fields: Fits<Omit<ours.FieldDefaults, 'custom' | 'mappings'>, grafana.FieldConfig> = 'fits'
  const panel: Fits<Omit<ours.PanelOf<'stat'>, 'fieldConfig' | 'options' | 'targets' | 'links'>, grafana.Panel> = 'fits'
  const link: Fits<ours.DashboardLink, grafana.DashboardLink> = 'fits'
  const variable: Fits<Omit<ours.Variable, 'query' | 'refresh' | 'sort' | 'hide'>, grafana.VariableModel> = 'fits'
  const numbers: Fits<Pick<ours.Variable, 'refresh' | 'sort' | 'hide'>, grafana.VariableModel> extends `Grafana has no ${string}`
    ? never
    : 1 = 1
  const dashboard: Fits<Omit<ours.Dashboard, 'panels' | 'templating' | 'annotations' | 'graphTooltip'>, grafana.Dashboard> = 'fits'
  expect([stat, timeseries, table, stateTimeline, heatmap, custom, fields, panel, link, variable, dashboard]).toEqual(
    Array(11).fill('fits'),
  )
  expect(numbers).toBe(1)
})

test('the check above can fail', () => {
  const typo: Fits<{ readonly showHeadre: boolean }, TableOptions> = 'Grafana has no showHeadre'
  const nested: Fits<{ readonly legend: { readonly place: 'bottom' } }, TimeseriesOptions> = 'Grafana has no legend.place'
  const type: Fits<{ readonly frameIndex: string; readonly showHeader: boolean }, TableOptions> = 'a type differs'
  expect([typo, nested, type]).toHaveLength(3)
})
