/**
 * One run as its own process sees it: who it is, what it has spent, whether a guard ended it. Guards read and write it, spans get its facts.
 * Numbers come from responses, not from spans: sampling and missing usage must not blind a guard.
 * Bounded: a scope holds counters and one span, never messages.
 */
import { randomUUID } from 'node:crypto'
import type { Guard } from '../model/control.ts'
import { BoundedMap } from './bounded-map.ts'
import type { Span } from './otel.ts'

/**
 * How the run was found: `explicit` by runAgent() or a framework, `trace` by the active trace, `request` by the incoming HTTP request,
 * `implied` by what its model calls refer to.
 */
export type RunKind = 'explicit' | 'trace' | 'request' | 'implied'

export type Cause =
  | 'operator'
  | 'lost'
  | 'max_cost_usd'
  | 'max_cost_window'
  | 'max_steps'
  | 'identical_calls'
  | 'identical_requests'
  | 'breaker'
  | 'release'

/** Why a guard said no. */
export interface Refusal {
  readonly guard: Guard
  /** From a closed set: `operator`, `lost`, or the name of the limit. */
  readonly cause: Cause
  /** A short sentence for people; it reaches the application's error message. */
  readonly reason: string
  readonly controlId?: string
  /** What answers instead, where one was configured. */
  readonly fallback?: string
}

export interface AskedCall {
  readonly name: string
  readonly argumentsHash: string
  readonly atMs: number
}

export class RunScope {
  readonly id: string
  readonly kind: RunKind
  /** Name as design R2 has it; the default agent's until something names it. */
  agent: string
  agentVersion: string | undefined
  /** True once something other than the default named it. */
  isNamed: boolean
  /** Span that opened the run here, while it is open. */
  root: Span | undefined
  /** Release of prompts and configuration it runs with, once one was read or pinned. */
  release: string | undefined
  promptName: string | undefined
  /** US dollars of finished calls whose price is known. */
  costUsd = 0
  /** US dollars set aside for calls under way. */
  reservedUsd = 0
  /** Model calls under way. */
  reservedCalls = 0
  /** Finished calls whose cost could not be told. */
  unpricedCalls = 0
  modelCalls = 0
  toolCalls = 0
  /** Model and tool calls admitted so far: the number of the newest step. */
  steps = 0
  /** The newest tool call that the model asked for (name and hash of arguments), and how often in a row. */
  lastCall = ''
  streak = 0
  /** Hash of the newest answered request, and how often in a row it was sent again. */
  lastRequest = ''
  requestStreak = 0
  /** The first refusal ends the run; later calls get the same answer. */
  stopped: Refusal | undefined
  failedLast = false
  /** The newest call was aborted by its caller, or by the SDK's time limit. */
  leftLast = false
  lastActiveMs: number
  /** When it was opened here. */
  readonly startedMs: number
  /** Tool calls the model asked for whose results were not seen yet, by call id; bounded. */
  readonly asked = new BoundedMap<string, AskedCall>(256)
  /** True once a span of a tool was seen: then none is made from what the model asked for. */
  hasToolSpans = false

  constructor(kind: RunKind, agent: string, now: number, options: { readonly id?: string; readonly isNamed?: boolean } = {}) {
    this.kind = kind
    this.agent = agent
    this.id = options.id ?? randomUUID()
    this.isNamed = options.isNamed ?? false
    this.lastActiveMs = now
    this.startedMs = now
  }

  /** Opens the run's root span where it is opened by the first model call. */
  open(): void {
    // Most kinds have theirs from the start.
  }

  /** Notes a tool call the model asked for. */
  noteCall(name: string, argumentsHash: string): void {
    const call = `${name} ${argumentsHash}`
    this.streak = call === this.lastCall ? this.streak + 1 : 1
    this.lastCall = call
  }

  /** Notes a request that was answered; one sent again after a failure is a retry, not a loop. */
  noteRequest(requestHash: string): void {
    this.requestStreak = requestHash === this.lastRequest ? this.requestStreak + 1 : 1
    this.lastRequest = requestHash
  }
}
