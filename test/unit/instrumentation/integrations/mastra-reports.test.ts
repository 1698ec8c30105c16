/** Whether Mastra reports a run itself, from the shapes of its observability. */
import { afterEach, expect, test } from 'vitest'
import { reportsOf } from '../../../../instrumentation/integrations/mastra/reports.ts'

const mastra = (instance: object | undefined): object => ({ observability: { getSelectedInstance: () => instance } })
const sending = (endpoint: string): object => ({ name: 'opentelemetry', config: { provider: { custom: { endpoint } } } })
const exporting = (...exporters: object[]): object => mastra({ getBridge: () => undefined, getExporters: () => exporters })

const before = process.env['OTEL_EXPORTER_OTLP_ENDPOINT']
afterEach(() => {
  if (before === undefined) delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT']
  else process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = before
})

const cases: readonly (readonly [name: string, mastra: unknown, reports: string | undefined])[] = [
  ['an agent without a Mastra', undefined, undefined],
  ['a Mastra without observability', {}, undefined],
  ['observability that selects nothing for this run', mastra(undefined), undefined],
  ['the OpenTelemetry bridge', mastra({ getBridge: () => ({ name: 'otel-bridge' }) }), 'bridge'],
  ['its OTLP exporter, to where ours go', exporting(sending('http://collector:4318/v1/traces')), 'exporter'],
  ['its OTLP exporter, elsewhere', exporting(sending('https://api.example.com/v1/traces')), undefined],
  [
    'its OTLP exporter with a vendor in the place of an endpoint',
    exporting({ name: 'opentelemetry', config: { provider: { dash0: {} } } }),
    undefined,
  ],
  [
    'any other exporter',
    exporting({ name: 'langfuse', config: { provider: { custom: { endpoint: 'http://collector:4318' } } } }),
    undefined,
  ],
  ['a shape that nobody knows', { observability: { getSelectedInstance: 5 } }, undefined],
]
test.each(cases)('%s', (_, instance, reports) => {
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://collector:4318'
  expect(reportsOf(instance, {})).toBe(reports)
})
