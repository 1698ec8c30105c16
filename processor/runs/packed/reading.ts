/**
 * A reading ↔ bytes, exactly: which fields it has is one number, their values follow in one order. Every field is named where it is written and where
 * it is read: going through names in a table made a property access of the slow kind of each, and took three times as long.
 * A field that is missing in the tables does not compile; one that is missing below them is found by the test of this folder.
 */
import type { ExternalEvaluation, FinishReason, Intervention, RawUsage, Reading } from '../../../model/run.ts'
import type { Draft } from '../../dialects/reading.ts'
import type { Reader, Writer } from './bytes.ts'

type Tier = NonNullable<Reading['serviceTier']>

const HAS = {
  agentName: 1 << 0,
  agentVersion: 1 << 1,
  promptName: 1 << 2,
  promptVersion: 1 << 3,
  instructionsHash: 1 << 4,
  toolsHash: 1 << 5,
  provider: 1 << 6,
  requestModel: 1 << 7,
  responseModel: 1 << 8,
  responseId: 1 << 9,
  usage: 1 << 10,
  givenCostUsd: 1 << 11,
  serviceTier: 1 << 12,
  finish: 1 << 13,
  outputEmpty: 1 << 14,
  perAttempt: 1 << 15,
  outputInvalid: 1 << 16,
  outputText: 1 << 17,
  inputText: 1 << 18,
  toolName: 1 << 19,
  toolCallId: 1 << 20,
  argumentsHash: 1 << 21,
  resultEmpty: 1 << 22,
  blocked: 1 << 23,
  serverSide: 1 << 24,
  failed: 1 << 25,
  errorType: 1 << 26,
  stoppedBy: 1 << 27,
  incomplete: 1 << 28,
  intervention: 1 << 29,
  evaluations: 1 << 30,
} as const satisfies Record<Exclude<keyof Reading, 'role'>, number>

const REPORTS = {
  input: 1 << 0,
  output: 1 << 1,
  cacheRead: 1 << 2,
  cacheWrite: 1 << 3,
  cacheWrite1h: 1 << 4,
  reasoning: 1 << 5,
  total: 1 << 6,
  reasoningOutsideOutput: 1 << 7,
} as const satisfies Record<Exclude<keyof RawUsage, 'cacheAccounting'>, number>

// oxlint-disable-next-line complexity -- one line per field
export function writeReading(w: Writer, reading: Reading): void {
  w.text(reading.role)
  const at = w.reserve32()
  let has = 0
  const {
    agentName,
    agentVersion,
    promptName,
    promptVersion,
    instructionsHash,
    toolsHash,
    provider,
    requestModel,
    responseModel,
    responseId,
    usage,
    givenCostUsd,
    serviceTier,
    finish,
    outputEmpty,
    perAttempt,
    outputInvalid,
    outputText,
    inputText,
    toolName,
    toolCallId,
    argumentsHash,
    resultEmpty,
    blocked,
    serverSide,
    failed,
    errorType,
    stoppedBy,
    incomplete,
    intervention,
    evaluations,
  } = reading
  if (agentName !== undefined) {
    has |= HAS.agentName
    w.text(agentName)
  }
  if (agentVersion !== undefined) {
    has |= HAS.agentVersion
    w.text(agentVersion)
  }
  if (promptName !== undefined) {
    has |= HAS.promptName
    w.text(promptName)
  }
  if (promptVersion !== undefined) {
    has |= HAS.promptVersion
    w.text(promptVersion)
  }
  if (instructionsHash !== undefined) {
    has |= HAS.instructionsHash
    w.text(instructionsHash)
  }
  if (toolsHash !== undefined) {
    has |= HAS.toolsHash
    w.text(toolsHash)
  }
  if (provider !== undefined) {
    has |= HAS.provider
    w.text(provider)
  }
  if (requestModel !== undefined) {
    has |= HAS.requestModel
    w.text(requestModel)
  }
  if (responseModel !== undefined) {
    has |= HAS.responseModel
    w.text(responseModel)
  }
  if (responseId !== undefined) {
    has |= HAS.responseId
    w.once(responseId)
  }
  if (usage !== undefined) {
    has |= HAS.usage
    writeUsage(w, usage)
  }
  if (givenCostUsd !== undefined) {
    has |= HAS.givenCostUsd
    w.number(givenCostUsd)
  }
  if (serviceTier !== undefined) {
    has |= HAS.serviceTier
    w.text(serviceTier)
  }
  if (finish !== undefined) {
    has |= HAS.finish
    w.text(finish)
  }
  if (outputEmpty !== undefined) {
    has |= HAS.outputEmpty
    w.flag(outputEmpty)
  }
  if (perAttempt !== undefined) {
    has |= HAS.perAttempt
    w.flag(perAttempt)
  }
  if (outputInvalid !== undefined) {
    has |= HAS.outputInvalid
    w.flag(outputInvalid)
  }
  if (outputText !== undefined) {
    has |= HAS.outputText
    w.once(outputText)
  }
  if (inputText !== undefined) {
    has |= HAS.inputText
    w.once(inputText)
  }
  if (toolName !== undefined) {
    has |= HAS.toolName
    w.text(toolName)
  }
  if (toolCallId !== undefined) {
    has |= HAS.toolCallId
    w.once(toolCallId)
  }
  if (argumentsHash !== undefined) {
    has |= HAS.argumentsHash
    w.once(argumentsHash)
  }
  if (resultEmpty !== undefined) {
    has |= HAS.resultEmpty
    w.flag(resultEmpty)
  }
  if (blocked !== undefined) {
    has |= HAS.blocked
    w.flag(blocked)
  }
  if (serverSide !== undefined) {
    has |= HAS.serverSide
    w.flag(serverSide)
  }
  if (failed !== undefined) {
    has |= HAS.failed
    w.flag(failed)
  }
  if (errorType !== undefined) {
    has |= HAS.errorType
    w.text(errorType)
  }
  if (stoppedBy !== undefined) {
    has |= HAS.stoppedBy
    w.text(stoppedBy)
  }
  if (incomplete !== undefined) {
    has |= HAS.incomplete
    w.flag(incomplete)
  }
  if (intervention !== undefined) {
    has |= HAS.intervention
    w.once(JSON.stringify(intervention))
  }
  if (evaluations !== undefined) {
    has |= HAS.evaluations
    w.once(JSON.stringify(evaluations))
  }
  w.set32(at, has)
}

// oxlint-disable-next-line complexity -- one line per field
export function readReading(r: Reader): Reading {
  const reading: Draft<Reading> = { role: r.text() as Reading['role'] }
  const has = r.int32()
  if (has & HAS.agentName) reading.agentName = r.text()
  if (has & HAS.agentVersion) reading.agentVersion = r.text()
  if (has & HAS.promptName) reading.promptName = r.text()
  if (has & HAS.promptVersion) reading.promptVersion = r.text()
  if (has & HAS.instructionsHash) reading.instructionsHash = r.text()
  if (has & HAS.toolsHash) reading.toolsHash = r.text()
  if (has & HAS.provider) reading.provider = r.text()
  if (has & HAS.requestModel) reading.requestModel = r.text()
  if (has & HAS.responseModel) reading.responseModel = r.text()
  if (has & HAS.responseId) reading.responseId = r.once()
  if (has & HAS.usage) reading.usage = readUsage(r)
  if (has & HAS.givenCostUsd) reading.givenCostUsd = r.number()
  if (has & HAS.serviceTier) reading.serviceTier = r.text() as Tier
  if (has & HAS.finish) reading.finish = r.text() as FinishReason
  if (has & HAS.outputEmpty) reading.outputEmpty = r.flag()
  if (has & HAS.perAttempt) reading.perAttempt = r.flag()
  if (has & HAS.outputInvalid) reading.outputInvalid = r.flag()
  if (has & HAS.outputText) reading.outputText = r.once()
  if (has & HAS.inputText) reading.inputText = r.once()
  if (has & HAS.toolName) reading.toolName = r.text()
  if (has & HAS.toolCallId) reading.toolCallId = r.once()
  if (has & HAS.argumentsHash) reading.argumentsHash = r.once()
  if (has & HAS.resultEmpty) reading.resultEmpty = r.flag()
  if (has & HAS.blocked) reading.blocked = r.flag()
  if (has & HAS.serverSide) reading.serverSide = r.flag()
  if (has & HAS.failed) reading.failed = r.flag()
  if (has & HAS.errorType) reading.errorType = r.text()
  if (has & HAS.stoppedBy) reading.stoppedBy = r.text()
  if (has & HAS.incomplete) reading.incomplete = r.flag()
  if (has & HAS.intervention) reading.intervention = JSON.parse(r.once()) as Intervention
  if (has & HAS.evaluations) reading.evaluations = JSON.parse(r.once()) as readonly ExternalEvaluation[]
  return reading
}

function writeUsage(w: Writer, usage: RawUsage): void {
  w.text(usage.cacheAccounting)
  const at = w.reserve()
  let reports = 0
  const { input, output, cacheRead, cacheWrite, cacheWrite1h, reasoning, total, reasoningOutsideOutput } = usage
  if (input !== undefined) {
    reports |= REPORTS.input
    w.number(input)
  }
  if (output !== undefined) {
    reports |= REPORTS.output
    w.number(output)
  }
  if (cacheRead !== undefined) {
    reports |= REPORTS.cacheRead
    w.number(cacheRead)
  }
  if (cacheWrite !== undefined) {
    reports |= REPORTS.cacheWrite
    w.number(cacheWrite)
  }
  if (cacheWrite1h !== undefined) {
    reports |= REPORTS.cacheWrite1h
    w.number(cacheWrite1h)
  }
  if (reasoning !== undefined) {
    reports |= REPORTS.reasoning
    w.number(reasoning)
  }
  if (total !== undefined) {
    reports |= REPORTS.total
    w.number(total)
  }
  if (reasoningOutsideOutput !== undefined) {
    reports |= REPORTS.reasoningOutsideOutput
    w.flag(reasoningOutsideOutput)
  }
  w.set(at, reports)
}

function readUsage(r: Reader): RawUsage {
  const usage: Draft<RawUsage> = { cacheAccounting: r.text() as RawUsage['cacheAccounting'] }
  const reports = r.byte()
  if (reports & REPORTS.input) usage.input = r.number()
  if (reports & REPORTS.output) usage.output = r.number()
  if (reports & REPORTS.cacheRead) usage.cacheRead = r.number()
  if (reports & REPORTS.cacheWrite) usage.cacheWrite = r.number()
  if (reports & REPORTS.cacheWrite1h) usage.cacheWrite1h = r.number()
  if (reports & REPORTS.reasoning) usage.reasoning = r.number()
  if (reports & REPORTS.total) usage.total = r.number()
  if (reports & REPORTS.reasoningOutsideOutput) usage.reasoningOutsideOutput = r.flag()
  return usage
}
