/**
 * Variables and annotations that boards share, and links between them.
 * Names of variables are spelled here once; expressions reach them through the scopes below.
 */
import { type BoardName, UIDS } from './board.ts'
import type { Annotation, DataSourceRef, Link, Variable } from './grafana.ts'
import { apply, max, type Scope, words, type Vector } from './query.ts'

// oxlint-disable-next-line no-template-curly-in-string -- Grafana's own notation
const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '${datasource}' }
const ALL = { text: 'All', value: '$__all' } as const

/** Many agents at once. Grafana escapes the values of variables with several for a regular expression. */
export const MANY: Scope = { agent: { re: '$agent' }, environment: { re: '$environment' } }
/** One agent: its name is taken as it is, for Grafana escapes a single value only for quotes. */
export const ONE: Scope = { agent: '$agent', environment: { re: '$environment' } }

export const datasource: Variable = {
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  multi: false,
  includeAll: false,
  refresh: 2,
  hide: 0,
  current: { text: 'default', value: 'default' },
  options: [],
}

function fromPrometheus(name: string, label: string, values: string, several: boolean, allValue?: string): Variable {
  return {
    name,
    label,
    type: 'query',
    query: { qryType: 1, query: values, refId: `${name}-values` },
    datasource: DATASOURCE,
    multi: several,
    includeAll: several,
    ...(allValue === undefined ? {} : { allValue }),
    refresh: 2,
    sort: 1,
    hide: 0,
    current: several ? ALL : { text: '', value: '' },
    options: [],
  }
}

const values = (v: Vector<string>, label: string): string => `label_values(${v.promql}, ${label})`
const anywhere = words({})

// An environment or team may be empty, which label_values does not list: All takes everything.
export const environment = fromPrometheus(
  'environment',
  'Environment',
  values(anywhere.metric('agentopz_objective_info'), 'environment'),
  true,
  '.*',
)
export const team = fromPrometheus(
  'team',
  'Team',
  values(anywhere.metric('agentopz_objective_info', { environment: { re: '$environment' } }), 'team'),
  true,
  '.*',
)
const agentValues = values(
  anywhere.metric('agentopz_objective_info', { environment: { re: '$environment' }, team: { re: '$team' } }),
  'agent',
)
export const agents = fromPrometheus('agent', 'Agent', agentValues, true)
export const agent = fromPrometheus('agent', 'Agent', agentValues, false)

/** Over how long shares are taken. */
export const window: Variable = {
  name: 'window',
  label: 'Window',
  type: 'custom',
  query: '10m,30m,1h,6h,1d',
  multi: false,
  includeAll: false,
  hide: 0,
  current: { text: '1h', value: '1h' },
  options: ['10m', '30m', '1h', '6h', '1d'].map((value) => ({ text: value, value, selected: value === '1h' })),
}

/** Where runbooks are read; the same default as the `runbook_url` of alerts. */
export const runbooks: Variable = {
  name: 'runbooks',
  label: 'Runbooks',
  type: 'textbox',
  query: 'http://localhost:9464/runbooks',
  multi: false,
  includeAll: false,
  hide: 2,
  current: { text: 'http://localhost:9464/runbooks', value: 'http://localhost:9464/runbooks' },
  options: [],
}

const one = words(ONE)

function annotation(
  a: Pick<Annotation, 'name' | 'iconColor' | 'titleFormat' | 'textFormat' | 'tagKeys'> & { readonly hidden?: boolean },
  v: Vector<string>,
  useValueForTime: boolean,
): Annotation {
  const { hidden, ...rest } = a
  return { ...rest, datasource: DATASOURCE, enable: true, hide: hidden === true, expr: v.promql, step: '60s', useValueForTime }
}

/** A line at the moment each cohort value was first seen: the value of the series is the time, in seconds, and Grafana takes milliseconds. */
export const cohortChanges = annotation(
  { name: 'Cohort changes', iconColor: 'purple', titleFormat: 'new {{dimension}}', textFormat: '{{value}}', tagKeys: 'dimension,value' },
  apply(max(['agent', 'dimension', 'value'], one.metric('agentopz_cohort_first_seen_timestamp_seconds')), (x) => `1000 * ${x}`),
  true,
)
/** Shaded while a control is in force. */
export const controls = annotation(
  {
    name: 'Controls',
    iconColor: 'orange',
    titleFormat: '{{control}} {{state}}',
    textFormat: '{{target}} {{reason}}',
    tagKeys: 'control,target',
  },
  max(['agent', 'control', 'target', 'state', 'reason'], one.metric('agentopz_control')),
  false,
)
/** Shaded while an incident of the agent is not resolved; another shade for each state. */
export const incidents = annotation(
  { name: 'Incidents', iconColor: 'blue', titleFormat: 'incident, {{state}}', textFormat: '{{severity}}', tagKeys: 'state,severity' },
  max(['agent', 'state', 'severity'], one.metric('agentopz_incidents')),
  false,
)
/** Shaded while an alert of the agent fires. */
export const firing = annotation(
  { name: 'Alerts', iconColor: 'red', titleFormat: '{{alertname}}', textFormat: '{{severity}} {{tool}}', tagKeys: 'severity' },
  max(['alertname', 'severity', 'tool'], one.alerts('ALERTS', { alertstate: 'firing', severity: ['critical', 'warning'], ...ONE })),
  false,
)

/** A link to another board, with the data source, the environment and the time taken along. */
export function linkToBoard(name: BoardName, title: string, variables: Readonly<Record<string, string>> = {}): Link {
  const own = Object.entries(variables).map(([k, v]) => `var-${k}=${v}`)
  // oxlint-disable-next-line no-template-curly-in-string -- Grafana's own notation
  const taken = ['${datasource:queryparam}', '${environment:queryparam}', '${__url_time_range}']
  return { title, url: `/d/${UIDS[name]}?${[...own, ...taken].join('&')}`, targetBlank: false }
}
// oxlint-disable-next-line no-template-curly-in-string -- Grafana's own notation
export const toAgent = linkToBoard('agent', 'The agent’s board', { agent: '${__data.fields.agent}' })
// oxlint-disable-next-line no-template-curly-in-string -- Grafana's own notation
export const toRunbook: Link = { title: 'Runbook', url: '${runbooks}/${__data.fields.alertname}', targetBlank: true }
