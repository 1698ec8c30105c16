/** promtool cases of the alerts on the watching itself. */
import type { AlertName } from '../model/alerts.ts'
import { type AlertCase, type InputSeries, ofAgent, series, steady } from './case.ts'

/** A case of the watching itself; the dead man's switch of the others does not matter. */
const w = (name: string, alert: AlertName, input: InputSeries, fires: AlertCase['fires'], minute = 12): AlertCase => ({
  name,
  alert,
  series: input,
  minute,
  fires,
})

const received = (dialect: string, values: string): InputSeries => ({
  [series('agentopz_spans_received_total', { dialect, signal: 'traces' })]: values,
})

/** A processor that found damage in its journal when it started, `at` seconds after the first sample. */
const started = (kind: string, at: number): InputSeries => ({
  [series('agentopz_journal_damage_total', { instance: 'x:9464', kind })]: `_x${at / 60} 1x180`,
  [series('process_start_time_seconds', { job: 'agentopz', instance: 'x:9464' })]: `_x${at / 60} ${at}x180`,
})

/** Restarts of processes, all of which are up at every scrape. */
const processRestarts = (values: string): InputSeries => ({
  [series('agentopz_processes', { instance: 'x:9464', state: 'down' })]: steady(0),
  [series('agentopz_process_restarts_total', { instance: 'x:9464' })]: values,
})

/** A certificate that expires so many seconds after the first sample. */
const expires = (seconds: number): InputSeries => ({
  [series('agentopz_tls_certificate_expiry_timestamp_seconds', { instance: 'x:9464', certificate: 'server' })]: steady(seconds),
})

/** All cases of this file. */
export const WATCH_CASES: readonly AlertCase[] = [
  w('agentopz cannot be scraped', 'AgentopzDown', { [series('up', { job: 'agentopz', instance: 'x:9464' })]: '1x5 0x30' }, [
    { job: 'agentopz', instance: 'x:9464' },
  ]),
  w('one scrape failed', 'AgentopzDown', { [series('up', { job: 'agentopz', instance: 'x:9464' })]: '1x10 0 1x10' }, []),
  w('nothing of agentopz was ever scraped', 'AgentopzNoSamples', { [series('up', { job: 'other', instance: 'y' })]: steady(1) }, [{}]),
  w('agentopz is there', 'AgentopzNoSamples', { [series('agentopz_build_info', { version: '1', node_version: '24' })]: steady(1) }, []),
  w(
    'all agents stop at once',
    'AgentopzNoSpans',
    { ...received('gen_ai', '0+100x60 6000x60'), [ofAgent('agent:runs:expected_low1h')]: steady(100, 120) },
    [{}],
    90,
  ),
  w(
    'a night without agents',
    'AgentopzNoSpans',
    { ...received('gen_ai', '0+100x60 6000x60'), [ofAgent('agent:runs:expected_low1h')]: steady(0.5, 120) },
    [],
    90,
  ),
  w(
    'the relay drops requests',
    'AgentopzRelayLosing',
    { [series('agentopz_relay_dropped_requests_total', { endpoint: 'tempo', signal: 'traces', reason: 'queue_full' })]: '0+1x40' },
    [{ endpoint: 'tempo', reason: 'queue_full' }],
  ),
  w(
    'the relay delivers',
    'AgentopzRelayLosing',
    { [series('agentopz_relay_dropped_requests_total', { endpoint: 'tempo', signal: 'traces', reason: 'queue_full' })]: steady(3) },
    [],
  ),
  w(
    'requests are refused',
    'AgentopzRejecting',
    { [series('agentopz_requests_rejected_total', { protocol: 'http', signal: 'traces', reason: 'unauthorized' })]: '0+5x40' },
    [{ reason: 'unauthorized' }],
    18,
  ),
  w(
    'one bad request',
    'AgentopzRejecting',
    { [series('agentopz_requests_rejected_total', { protocol: 'http', signal: 'traces', reason: 'undecodable' })]: '0 1x40' },
    [],
  ),
  w('spans of an unknown dialect', 'AgentopzUnknownDialect', received('unknown', '0+10x180'), [{}], 170),
  w('spans of a known dialect', 'AgentopzUnknownDialect', received('gen_ai', '0+10x180'), [], 170),
  w('runs are closed early', 'AgentopzBoundsHit', { [ofAgent('agentopz_runs_evicted_total', { reason: 'evicted_runs' })]: '0+1x40' }, [
    { bound: 'evicted_runs' },
  ]),
  w('no bound is hit', 'AgentopzBoundsHit', { [ofAgent('agentopz_runs_evicted_total', { reason: 'evicted_runs' })]: steady(5) }, []),
  w('a bug drops items', 'AgentopzInternalErrors', { [series('agentopz_internal_errors_total', { stage: 'record' })]: '0x8 2x20' }, [
    { stage: 'record' },
  ]),
  w('an old bug, none since', 'AgentopzInternalErrors', { [series('agentopz_internal_errors_total', { stage: 'record' })]: steady(2) }, []),
  w('the journal cannot be written', 'AgentopzJournalFailing', { [series('agentopz_journal_up', { instance: 'x:9464' })]: '1x5 0x30' }, [
    { instance: 'x:9464' },
  ]),
  w(
    'the journal could not be written for half a minute',
    'AgentopzJournalFailing',
    { [series('agentopz_journal_up', { instance: 'x:9464' })]: '1x5 0 1x30' },
    [],
  ),
  w('the journal was damaged at the start', 'AgentopzJournalDamaged', started('corrupt_record', 600), [
    { instance: 'x:9464', kind: 'corrupt_record' },
  ]),
  w('a kill cut the last record short', 'AgentopzJournalDamaged', started('torn_tail', 600), []),
  w('the journal was damaged at a start three hours ago', 'AgentopzJournalDamaged', started('corrupt_record', 0), [], 180),
  w('storage does not answer', 'AgentopzStorageDown', { [series('agentopz_storage_up', { instance: 'x:9464' })]: '1x5 0x30' }, [
    { instance: 'x:9464' },
  ]),
  w(
    'storage did not answer for half a minute',
    'AgentopzStorageDown',
    { [series('agentopz_storage_up', { instance: 'x:9464' })]: '1x5 0 1x30' },
    [],
  ),
  w(
    'one of the processes is down',
    'AgentopzProcessDown',
    { [series('agentopz_processes', { instance: 'x:9464', state: 'down' })]: '0x5 1x30' },
    [{ instance: 'x:9464' }],
  ),
  w('one of the processes ends every minute', 'AgentopzProcessDown', processRestarts('0+1x40'), [{ instance: 'x:9464' }]),
  w('one of the processes ended once', 'AgentopzProcessDown', processRestarts('0x5 1x40'), []),
  w('a certificate is good for another thirteen days', 'AgentopzCertificateExpires', expires(13 * 86_400), [
    { instance: 'x:9464', certificate: 'server' },
  ]),
  w('a certificate expired yesterday', 'AgentopzCertificateExpires', expires(-86_400), [{ instance: 'x:9464', certificate: 'server' }]),
  w('a certificate is good for another fifteen days', 'AgentopzCertificateExpires', expires(15 * 86_400), []),
  w('a reload was refused', 'AgentopzConfigRefused', { [series('agentopz_config_reload_successful', { instance: 'x:9464' })]: steady(0) }, [
    { instance: 'x:9464' },
  ]),
  w(
    'a reload was taken',
    'AgentopzConfigRefused',
    { [series('agentopz_config_reload_successful', { instance: 'x:9464' })]: steady(1) },
    [],
  ),
  w(
    'a rule fails',
    'AgentopzRulesFailing',
    { [series('prometheus_rule_evaluation_failures_total', { rule_group: 'r.yaml;agentopz-sli' })]: '0+1x40' },
    [{ rule_group: 'r.yaml;agentopz-sli' }],
  ),
  w(
    "somebody else's rule fails",
    'AgentopzRulesFailing',
    { [series('prometheus_rule_evaluation_failures_total', { rule_group: 'r.yaml;node' })]: '0+1x40' },
    [],
  ),
  w('always', 'AgentopzWatchdog', {}, [{}]),
]
