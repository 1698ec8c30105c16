/**
 * The metric catalogue: every metric this project exposes, once. The registry, docs/metrics.md, dashboards and rules read it,
 * so a name or label that does not exist does not compile. Contract: design §4; names and labels never change silently.
 */

export type MetricType = 'counter' | 'gauge' | 'histogram'

export interface MetricDefinition {
  readonly type: MetricType
  readonly help: string
  /** Label names in exposition order. */
  readonly labels: readonly string[]
  /** Upper bounds of histogram buckets; `+Inf` is implied. */
  readonly buckets?: readonly number[]
  /** Heading in docs/metrics.md. */
  readonly group:
    | 'runs'
    | 'steps'
    | 'money'
    | 'quality'
    | 'open runs'
    | 'cohorts and objectives'
    | 'controls'
    | 'incidents'
    | 'completeness'
    | 'processor'
}

const A = ['agent', 'environment'] as const
/** Agent durations: gen_ai.invoke_agent.duration's boundaries and the workflow ones above them. */
const DURATION = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6, 819.2, 1800, 3600, 7200] as const
/** gen_ai.execute_tool.duration's boundaries. */
const TOOL_DURATION = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92] as const
/** Counts of steps and calls; 0 has its own bucket. */
const CALLS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512] as const
const COST = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 50, 100] as const
/** From the first seconds of a page to the next day. */
const RESPONSE = [10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400] as const
const SCORE = [-1, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 25, 50, 75, 90, 100] as const

export const METRICS = {
  agentopz_runs_total: {
    type: 'counter',
    group: 'runs',
    labels: [...A, 'agent_version', 'prompt_version', 'model', 'tools_version', 'outcome', 'quality'],
    help: 'Closed runs by cohort, outcome (ok, error, stopped, abandoned, unknown) and quality (pass, fail, unrated).',
  },
  agentopz_run_cost_usd: {
    type: 'histogram',
    group: 'money',
    labels: A,
    buckets: COST,
    help: 'Cost of closed runs whose every model call was priced, in US dollars.',
  },
  agentopz_run_steps: {
    type: 'histogram',
    group: 'runs',
    labels: A,
    buckets: CALLS,
    help: 'Steps (model calls, tool calls and retrievals) of closed runs.',
  },
  agentopz_run_model_calls: {
    type: 'histogram',
    group: 'runs',
    labels: A,
    buckets: CALLS,
    help: 'Model calls of closed runs, sub-agents included.',
  },
  agentopz_run_tool_calls: {
    type: 'histogram',
    group: 'runs',
    labels: A,
    buckets: CALLS,
    help: 'Tool calls and retrievals of closed runs, sub-agents included.',
  },
  agentopz_run_duration_seconds: {
    type: 'histogram',
    group: 'runs',
    labels: A,
    buckets: DURATION,
    help: 'Duration of the root span of closed runs, in seconds.',
  },
  agentopz_run_exceeded_total: {
    type: 'counter',
    group: 'runs',
    labels: [...A, 'objective', 'prompt_version', 'model'],
    help: 'Closed runs over the threshold of an objective (cost, steps, duration).',
  },
  agentopz_model_calls_total: {
    type: 'counter',
    group: 'steps',
    labels: [...A, 'model', 'provider', 'outcome', 'finish_reason'],
    help: 'Model calls by outcome (ok, error, unknown) and finish reason; retried attempts of one call are one call.',
  },
  agentopz_model_attempts_failed_total: {
    type: 'counter',
    group: 'steps',
    labels: [...A, 'model', 'provider'],
    help: 'Failed attempts of model calls that were tried again, from dialects that report one span per attempt.',
  },
  agentopz_tool_calls_total: {
    type: 'counter',
    group: 'steps',
    labels: [...A, 'tool', 'outcome'],
    help: 'Tool calls and retrievals by outcome (ok, error, empty, blocked).',
  },
  agentopz_tool_duration_seconds: {
    type: 'histogram',
    group: 'steps',
    labels: [...A, 'tool'],
    buckets: TOOL_DURATION,
    help: 'Duration of tool calls and retrievals, in seconds.',
  },
  agentopz_tokens_total: {
    type: 'counter',
    group: 'money',
    labels: [...A, 'model', 'provider', 'class'],
    help: 'Tokens by disjoint class: input (fresh), cache_read, cache_write, output (visible), reasoning.',
  },
  agentopz_cost_usd_total: {
    type: 'counter',
    group: 'money',
    labels: [...A, 'model', 'provider'],
    help: 'Priced cost in US dollars, late spans included.',
  },
  agentopz_unpriced_tokens_total: {
    type: 'counter',
    group: 'money',
    labels: [...A, 'model', 'provider'],
    help: 'Tokens for which no price was known; their cost is unknown, not zero.',
  },
  agentopz_usage_conflicts_total: {
    type: 'counter',
    group: 'money',
    labels: [...A, 'kind'],
    help: 'Disagreements in reported usage: agent_sum, cache_exceeds_input, reasoning_exceeds_output, given_cost, duplicate_response.',
  },
  agentopz_evaluations_total: {
    type: 'counter',
    group: 'quality',
    labels: [...A, 'evaluation', 'source', 'verdict', 'prompt_version', 'model'],
    help: 'Verdicts (pass, fail, abstain, error) of checks by source (builtin, external, judge, feedback).',
  },
  agentopz_evaluation_score: {
    type: 'histogram',
    group: 'quality',
    labels: [...A, 'evaluation', 'source'],
    buckets: SCORE,
    help: "Numeric scores of evaluations, on the evaluator's own scale.",
  },
  agentopz_input_feature_total: {
    type: 'counter',
    group: 'quality',
    labels: [...A, 'feature', 'bucket'],
    help: 'Inputs of runs by feature (tokens of the first call; script of the text where spans carry it), for drift.',
  },
  agentopz_open_runs: { type: 'gauge', group: 'open runs', labels: A, help: 'Runs now open.' },
  agentopz_open_run_max_cost_usd: {
    type: 'gauge',
    group: 'open runs',
    labels: A,
    help: 'Largest known cost of a run now open, in US dollars.',
  },
  agentopz_open_run_max_steps: { type: 'gauge', group: 'open runs', labels: A, help: 'Largest number of steps of a run now open.' },
  agentopz_open_run_max_age_seconds: { type: 'gauge', group: 'open runs', labels: A, help: 'Age of the oldest run now open, in seconds.' },
  agentopz_open_run_max_streak: {
    type: 'gauge',
    group: 'open runs',
    labels: A,
    help: 'Longest streak of identical tool calls in a run now open.',
  },
  agentopz_last_run_timestamp_seconds: {
    type: 'gauge',
    group: 'runs',
    labels: A,
    help: 'When a run of the agent last closed, in Unix seconds.',
  },
  agentopz_cohort_first_seen_timestamp_seconds: {
    type: 'gauge',
    group: 'cohorts and objectives',
    labels: [...A, 'dimension', 'value'],
    help: 'When a cohort value (agent_version, prompt_version, model, tools_version) was first seen, in Unix seconds.',
  },
  agentopz_objective: {
    type: 'gauge',
    group: 'cohorts and objectives',
    labels: [...A, 'objective'],
    help: 'Configured threshold or target of an objective.',
  },
  agentopz_objective_info: {
    type: 'gauge',
    group: 'cohorts and objectives',
    labels: [...A, 'team', 'severity', 'runbook_url'],
    help: 'Owner of the agent, for joins and routing; always 1.',
  },
  agentopz_control: {
    type: 'gauge',
    group: 'controls',
    labels: [...A, 'control', 'target', 'state', 'reason'],
    help: 'Controls in force by kind (agent, tool, run, release), target and state (disabled, open, stopped, active); always 1. Run ids are left out of target.',
  },
  agentopz_control_actions_total: {
    type: 'counter',
    group: 'controls',
    labels: [...A, 'control', 'action', 'actor', 'reason'],
    help: 'Actions taken on controls and releases (set, replace, undo, publish, activate, rollback).',
  },
  agentopz_interventions_total: {
    type: 'counter',
    group: 'controls',
    labels: [...A, 'control', 'reason'],
    help: 'Times a guard inside an agent stepped in, by guard (kill_switch, run_stop, cost_guard, step_guard, loop_guard, tool_breaker, release_pin).',
  },
  agentopz_control_streams: {
    type: 'gauge',
    group: 'controls',
    labels: ['service'],
    help: 'Guards connected to the control stream, by the service they named.',
  },
  agentopz_control_streams_dropped_total: {
    type: 'counter',
    group: 'controls',
    labels: ['reason'],
    help: 'Guards sent away from the control stream: slow took nothing for too long, full came over controls.max_streams.',
  },
  agentopz_control_polls_total: {
    type: 'counter',
    group: 'controls',
    labels: ['protocol', 'code'],
    help: 'Answers to whoever polls for controls, by way (flags, ofrep) and status code.',
  },
  agentopz_storage_up: {
    type: 'gauge',
    group: 'controls',
    labels: [],
    help: 'Whether stored controls and releases could be read and the last change could be stored; 1 or 0.',
  },
  agentopz_storage_leader: {
    type: 'gauge',
    group: 'controls',
    labels: [],
    help: 'Whether this process does what is done by time (resolves incidents, looks them up, acts by itself); 1 or 0. One of the replicas that share a database.',
  },
  agentopz_storage_conflicts_total: {
    type: 'counter',
    group: 'controls',
    labels: ['state'],
    help: 'Changes that were decided again because another replica had changed the same state (controls, incidents) meanwhile.',
  },
  agentopz_readiness: {
    type: 'gauge',
    group: 'incidents',
    labels: [...A, 'check'],
    help: 'Whether an incident of the agent would find this prepared: 1 it is, 0.5 in part, 0 not. No series while it cannot be told.',
  },
  agentopz_readiness_score: {
    type: 'gauge',
    group: 'incidents',
    labels: A,
    help: 'Readiness of the agent from 0 to 100, over the checks that could be answered.',
  },
  agentopz_webhook_received_timestamp_seconds: {
    type: 'gauge',
    group: 'incidents',
    labels: [],
    help: "When Alertmanager's webhook was last taken; no series before the first since the start.",
  },
  agentopz_storage_errors_total: {
    type: 'counter',
    group: 'controls',
    labels: ['operation'],
    help: 'Storage that failed, by operation (open, read, write).',
  },
  agentopz_incidents: {
    type: 'gauge',
    group: 'incidents',
    labels: [...A, 'state', 'severity'],
    help: 'Incidents that are not resolved, by state (open, acknowledged, mitigated) and severity; without drills. No agent: about the watching itself.',
  },
  agentopz_incidents_opened_total: {
    type: 'counter',
    group: 'incidents',
    labels: [...A, 'severity'],
    help: 'Incidents opened, by the severity of the alert that opened them; without drills.',
  },
  agentopz_incident_time_to_detect_seconds: {
    type: 'histogram',
    group: 'incidents',
    labels: A,
    buckets: RESPONSE,
    help: 'From the estimated onset of an incident to its first alert received, where triage could estimate one.',
  },
  agentopz_incident_time_to_acknowledge_seconds: {
    type: 'histogram',
    group: 'incidents',
    labels: A,
    buckets: RESPONSE,
    help: 'From the first alert received to the first acknowledgement.',
  },
  agentopz_incident_time_to_cause_seconds: {
    type: 'histogram',
    group: 'incidents',
    labels: A,
    buckets: RESPONSE,
    help: 'From the first alert received to the first triage that named a cause.',
  },
  agentopz_incident_time_to_mitigate_seconds: {
    type: 'histogram',
    group: 'incidents',
    labels: A,
    buckets: RESPONSE,
    help: 'From the first alert received to the evidence that the runs are well again, the first time.',
  },
  agentopz_incident_time_to_resolve_seconds: {
    type: 'histogram',
    group: 'incidents',
    labels: A,
    buckets: RESPONSE,
    help: 'From the first alert received to the first time that the incident was resolved.',
  },
  agentopz_incident_dropped_total: {
    type: 'counter',
    group: 'incidents',
    labels: ['what'],
    help: 'What bounds have dropped of the records: resolved incidents (incident), alerts (alert), entries of timelines (entry).',
  },
  agentopz_incident_refreshes_total: {
    type: 'counter',
    group: 'incidents',
    labels: ['outcome'],
    help: 'Times an incident was looked up in Prometheus (ok, failed); what could not be asked stays as it was.',
  },
  agentopz_incident_triages_total: {
    type: 'counter',
    group: 'incidents',
    labels: ['outcome'],
    help: 'Times the cause and the mitigation of an incident were looked at (ok, failed: Prometheus could not be asked).',
  },
  agentopz_incident_actions_total: {
    type: 'counter',
    group: 'incidents',
    labels: [...A, 'action', 'by', 'state'],
    help: 'Actions about incidents that came into a state (proposed, in_force, verified, failed, undone, lapsed, withdrawn, refused), by person or playbook; without drills.',
  },
  agentopz_webhook_requests_total: {
    type: 'counter',
    group: 'incidents',
    labels: ['outcome'],
    help: "Alertmanager's webhooks by what was answered (taken, malformed, unauthorized, forbidden, too_large, not_stored).",
  },
  agentopz_webhook_alerts_total: {
    type: 'counter',
    group: 'incidents',
    labels: ['outcome'],
    help: 'Alerts in webhooks by what became of them: taken, repeated, doubted (told to fire, but had ended); no_agent, not_urgent, too_many_incidents and too_many_alerts make no incident; truncated were left out by Alertmanager.',
  },
  agentopz_late_spans_total: { type: 'counter', group: 'completeness', labels: A, help: 'Spans that came after their run had closed.' },
  agentopz_duplicate_spans_total: { type: 'counter', group: 'completeness', labels: A, help: 'Spans that had been seen before, ignored.' },
  agentopz_runs_evicted_total: {
    type: 'counter',
    group: 'completeness',
    labels: [...A, 'reason'],
    help: 'Runs closed early because a bound was hit (evicted_runs, evicted_spans, span_limit).',
  },
  agentopz_series_overflow_total: {
    type: 'counter',
    group: 'completeness',
    labels: ['agent', 'environment', 'metric'],
    help: 'Samples folded into __overflow__ because a cardinality limit was hit.',
  },
  agentopz_evaluations_unmatched_total: {
    type: 'counter',
    group: 'completeness',
    labels: ['reason'],
    help: 'Evaluations from outside that were dropped: their run was never found (expired, queue_full), or has as many as it may (run_full), or their trace closed without one (no_run).',
  },
  agentopz_spans_received_total: {
    type: 'counter',
    group: 'processor',
    labels: ['dialect', 'signal'],
    help: 'Spans and log records received by dialect; other is a span that is no GenAI, unknown one that looks like GenAI but is of no known dialect.',
  },
  agentopz_spans_rejected_total: {
    type: 'counter',
    group: 'processor',
    labels: ['reason'],
    help: 'Spans and log records refused, by reason.',
  },
  agentopz_requests_total: {
    type: 'counter',
    group: 'processor',
    labels: ['protocol', 'signal', 'code'],
    help: 'OTLP export requests by protocol (http, grpc), signal and status code.',
  },
  agentopz_requests_rejected_total: {
    type: 'counter',
    group: 'processor',
    labels: ['protocol', 'signal', 'reason'],
    help: 'OTLP export requests refused, by reason.',
  },
  agentopz_token_requests_rejected_total: {
    type: 'counter',
    group: 'processor',
    labels: ['token', 'reason'],
    help: 'OTLP export requests refused, by name of the ingest token they came with and reason.',
  },
  agentopz_memory_limit_bytes: {
    type: 'gauge',
    group: 'processor',
    labels: ['of'],
    help: 'Memory there may be of the process (limits.max_memory, or its cgroup) and of its heap.',
  },
  agentopz_memory_used_bytes: {
    type: 'gauge',
    group: 'processor',
    labels: ['of'],
    help: 'Memory used of what agentopz_memory_limit_bytes tells: of the process without pages that it has given back and are still resident, and of its heap.',
  },
  agentopz_memory_refusing: {
    type: 'gauge',
    group: 'processor',
    labels: [],
    help: 'Whether requests are refused because little memory is left (1) or not (0).',
  },
  agentopz_received_bytes_total: {
    type: 'counter',
    group: 'processor',
    labels: ['protocol', 'signal'],
    help: 'Bytes of OTLP request bodies as received, compressed or not.',
  },
  agentopz_inflight_bytes: {
    type: 'gauge',
    group: 'processor',
    labels: [],
    help: 'Bytes of request bodies now held in memory, decompressed size included.',
  },
  agentopz_relay_requests_total: {
    type: 'counter',
    group: 'processor',
    labels: ['endpoint', 'signal', 'outcome'],
    help: 'Relayed requests by outcome (delivered, rejected).',
  },
  agentopz_relay_retries_total: {
    type: 'counter',
    group: 'processor',
    labels: ['endpoint', 'signal'],
    help: 'Relay attempts that failed and will be tried again.',
  },
  agentopz_relay_dropped_requests_total: {
    type: 'counter',
    group: 'processor',
    labels: ['endpoint', 'signal', 'reason'],
    help: 'Requests the relay lost, by reason (queue_full, expired, rejected, shutdown).',
  },
  agentopz_relay_queue_bytes: { type: 'gauge', group: 'processor', labels: ['endpoint'], help: 'Bytes waiting in the relay queue.' },
  agentopz_relay_queue_requests: { type: 'gauge', group: 'processor', labels: ['endpoint'], help: 'Requests waiting in the relay queue.' },
  agentopz_journal_up: {
    type: 'gauge',
    group: 'processor',
    labels: [],
    help: 'Whether the journal can be written (1) or requests are refused or taken unwritten (0); absent without a journal.',
  },
  agentopz_journal_requests_total: {
    type: 'counter',
    group: 'processor',
    labels: ['outcome'],
    help: 'Requests and evaluations by what the journal made of them: written, unwritten (taken, but lost with the process), refused.',
  },
  agentopz_journal_written_bytes_total: { type: 'counter', group: 'processor', labels: [], help: 'Bytes appended to the journal.' },
  agentopz_journal_commit_seconds: {
    type: 'histogram',
    group: 'processor',
    labels: [],
    buckets: [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048],
    help: 'Time to write one group of requests to the journal, its sync and what it waits for the event loop included.',
  },
  agentopz_journal_bytes: { type: 'gauge', group: 'processor', labels: [], help: 'Bytes of the journal on disk, without its snapshot.' },
  agentopz_journal_snapshot_bytes: { type: 'gauge', group: 'processor', labels: [], help: 'Bytes of the newest snapshot.' },
  agentopz_journal_snapshot_timestamp_seconds: {
    type: 'gauge',
    group: 'processor',
    labels: [],
    help: 'When the newest snapshot was complete, in Unix seconds.',
  },
  agentopz_journal_replayed_requests_total: {
    type: 'counter',
    group: 'processor',
    labels: [],
    help: 'Requests taken from the journal at the start.',
  },
  agentopz_journal_damage_total: {
    type: 'counter',
    group: 'processor',
    labels: ['kind'],
    help: 'What could not be read of the journal at the start: torn_tail (a write that a kill cut short, nothing lost), corrupt_record, corrupt_segment, corrupt_snapshot, missing_records, deadly_record, refused_record (taken once, and cannot be any more), unknown_record.',
  },
  agentopz_journal_released_requests_total: {
    type: 'counter',
    group: 'processor',
    labels: ['reason'],
    help: 'Requests that wait for a relay endpoint and are not kept in the journal any longer: by bound (age, bytes), or for damage.',
  },
  agentopz_processes: {
    type: 'gauge',
    group: 'processor',
    labels: ['state'],
    help: 'Processes that share the work, by whether they take spans in (up, down); absent where one does all.',
  },
  agentopz_process_restarts_total: {
    type: 'counter',
    group: 'processor',
    labels: [],
    help: 'Times one of the processes that share the work ended and was started again.',
  },
  agentopz_pending_link_spans: {
    type: 'gauge',
    group: 'processor',
    labels: [],
    help: 'Spans that are no GenAI, remembered for the paths of traces still open.',
  },
  agentopz_link_spans_dropped_total: {
    type: 'counter',
    group: 'processor',
    labels: ['reason'],
    help: 'Spans that are no GenAI forgotten before their trace closed (bound); a run may then be split.',
  },
  agentopz_open_runs_unfinished_scrapes_total: {
    type: 'counter',
    group: 'processor',
    labels: [],
    help: 'Scrapes that did not get to all that changed of open runs within metrics.open_runs_seconds; the rest shows as it was, and comes first in the next.',
  },
  agentopz_open_spans: { type: 'gauge', group: 'processor', labels: [], help: 'Spans held for runs now open.' },
  agentopz_remembered_traces: {
    type: 'gauge',
    group: 'processor',
    labels: [],
    help: 'Closed traces remembered for late and repeated spans.',
  },
  agentopz_internal_errors_total: {
    type: 'counter',
    group: 'processor',
    labels: ['stage'],
    help: 'Bugs: an item was dropped because our own code threw.',
  },
  agentopz_tls_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    group: 'processor',
    labels: ['certificate'],
    help: 'When the first certificate of tls.cert_file (server) or tls.client_ca_file (client_ca) expires, in Unix seconds; absent without TLS.',
  },
  agentopz_tls_handshakes_failed_total: {
    type: 'counter',
    group: 'processor',
    labels: ['listener'],
    help: 'Connections that ended before TLS was agreed on, by listener (http, grpc, api): plain requests, unknown authorities, missing client certificates.',
  },
  agentopz_requests_refused_total: {
    type: 'counter',
    group: 'processor',
    labels: ['role', 'status'],
    help: 'API requests refused for want of a token (401) or of its role (403), by the role that was asked for.',
  },
  agentopz_refused_attempts_total: {
    type: 'counter',
    group: 'controls',
    labels: ['outcome'],
    help: 'Refused attempts to act: recorded in the audit, left_out of it because there were too many at once, or lost because storage failed.',
  },
  agentopz_config_reload_successful: {
    type: 'gauge',
    group: 'processor',
    labels: [],
    help: 'Whether the last configuration reload succeeded.',
  },
  agentopz_config_reload_timestamp_seconds: {
    type: 'gauge',
    group: 'processor',
    labels: [],
    help: 'When the configuration was last loaded successfully, in Unix seconds.',
  },
  agentopz_price_table_info: {
    type: 'gauge',
    group: 'processor',
    labels: ['version'],
    help: 'Version of the price table in use; always 1.',
  },
  agentopz_build_info: { type: 'gauge', group: 'processor', labels: ['version', 'node_version'], help: 'Version of agentopz; always 1.' },
} as const satisfies Record<string, MetricDefinition>

export type MetricName = keyof typeof METRICS
export type LabelOf<M extends MetricName> = (typeof METRICS)[M]['labels'][number]
export type LabelsOf<M extends MetricName> = { readonly [L in LabelOf<M>]: string }
export type NameOfType<T extends MetricType> = { [M in MetricName]: (typeof METRICS)[M]['type'] extends T ? M : never }[MetricName]

/** The value of any label that a cardinality limit folded. */
export const OVERFLOW = '__overflow__'
