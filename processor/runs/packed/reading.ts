/**
 * A reading ↔ bytes, exactly: which fields it has is one number, which words are those that were said last is another, values follow in one order.
 * Field by field, each named: readings have one shape (dialects/whole.ts), and a name from a table takes three times as long.
 * A field that is missing in the table does not compile; one that is not written or read, or not in its order, is found by the test of this folder.
 */
import type { ExternalEvaluation, FinishReason, Intervention, RawUsage, Reading } from '../../../model/run.ts'
import { blankReading } from '../../dialects/whole.ts'
import type { Reader, Writer } from './bytes.ts'
import { readUsage, writeUsage } from './usage.ts'

type Tier = NonNullable<Reading['serviceTier']>
type Field = Exclude<keyof Reading, 'role'>

/** In the order in which they are written; words first, for theirs are the bits of `same` too. */
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
  serviceTier: 1 << 9,
  finish: 1 << 10,
  toolName: 1 << 11,
  errorType: 1 << 12,
  stoppedBy: 1 << 13,
  responseId: 1 << 14,
  usage: 1 << 15,
  givenCostUsd: 1 << 16,
  outputEmpty: 1 << 17,
  perAttempt: 1 << 18,
  outputInvalid: 1 << 19,
  outputText: 1 << 20,
  inputText: 1 << 21,
  toolCallId: 1 << 22,
  argumentsHash: 1 << 23,
  resultEmpty: 1 << 24,
  blocked: 1 << 25,
  serverSide: 1 << 26,
  failed: 1 << 27,
  incomplete: 1 << 28,
  intervention: 1 << 29,
  evaluations: 1 << 30,
} as const satisfies Record<Field, number>
/** What is a word, in order. */
const WORDS = Object.keys(HAS).slice(0, 14)
/** Words that are mostly one record's. */
const HASHES = HAS.instructionsHash | HAS.toolsHash
/** Bits of `same` above those of the words. */
const [SAME_ROLE, SAME_ACCOUNTING] = [1 << 14, 1 << 15]

/** What a record's readings said last, words by the number of their field: the spans of an agent name one agent, one provider, one model. */
export class Said {
  role = ''
  accounting = ''
  /** Of a span: the number of its claim. */
  claim = 0
  readonly words: string[] = WORDS.map(() => '')
}

// oxlint-disable-next-line complexity -- one line per field
function fieldsOf(r: Reading): number {
  let has = 0
  if (r.agentName !== undefined) has |= HAS.agentName
  if (r.agentVersion !== undefined) has |= HAS.agentVersion
  if (r.promptName !== undefined) has |= HAS.promptName
  if (r.promptVersion !== undefined) has |= HAS.promptVersion
  if (r.instructionsHash !== undefined) has |= HAS.instructionsHash
  if (r.toolsHash !== undefined) has |= HAS.toolsHash
  if (r.provider !== undefined) has |= HAS.provider
  if (r.requestModel !== undefined) has |= HAS.requestModel
  if (r.responseModel !== undefined) has |= HAS.responseModel
  if (r.serviceTier !== undefined) has |= HAS.serviceTier
  if (r.finish !== undefined) has |= HAS.finish
  if (r.toolName !== undefined) has |= HAS.toolName
  if (r.errorType !== undefined) has |= HAS.errorType
  if (r.stoppedBy !== undefined) has |= HAS.stoppedBy
  if (r.responseId !== undefined) has |= HAS.responseId
  if (r.usage !== undefined) has |= HAS.usage
  if (r.givenCostUsd !== undefined) has |= HAS.givenCostUsd
  if (r.outputEmpty !== undefined) has |= HAS.outputEmpty
  if (r.perAttempt !== undefined) has |= HAS.perAttempt
  if (r.outputInvalid !== undefined) has |= HAS.outputInvalid
  if (r.outputText !== undefined) has |= HAS.outputText
  if (r.inputText !== undefined) has |= HAS.inputText
  if (r.toolCallId !== undefined) has |= HAS.toolCallId
  if (r.argumentsHash !== undefined) has |= HAS.argumentsHash
  if (r.resultEmpty !== undefined) has |= HAS.resultEmpty
  if (r.blocked !== undefined) has |= HAS.blocked
  if (r.serverSide !== undefined) has |= HAS.serverSide
  if (r.failed !== undefined) has |= HAS.failed
  if (r.incomplete !== undefined) has |= HAS.incomplete
  if (r.intervention !== undefined) has |= HAS.intervention
  if (r.evaluations !== undefined) has |= HAS.evaluations
  return has
}

// oxlint-disable-next-line complexity -- one line per field
export function writeReading(w: Writer, reading: Reading, said: Said): void {
  const has = fieldsOf(reading)
  w.int32(has)
  const sameAt = w.reserve16()
  let same = 0
  if (reading.role === said.role) same = SAME_ROLE
  else w.text((said.role = reading.role))
  if (has & HAS.agentName) same |= writeWord(w, said, reading.agentName, HAS.agentName)
  if (has & HAS.agentVersion) same |= writeWord(w, said, reading.agentVersion, HAS.agentVersion)
  if (has & HAS.promptName) same |= writeWord(w, said, reading.promptName, HAS.promptName)
  if (has & HAS.promptVersion) same |= writeWord(w, said, reading.promptVersion, HAS.promptVersion)
  if (has & HAS.instructionsHash) same |= writeWord(w, said, reading.instructionsHash, HAS.instructionsHash)
  if (has & HAS.toolsHash) same |= writeWord(w, said, reading.toolsHash, HAS.toolsHash)
  if (has & HAS.provider) same |= writeWord(w, said, reading.provider, HAS.provider)
  if (has & HAS.requestModel) same |= writeWord(w, said, reading.requestModel, HAS.requestModel)
  if (has & HAS.responseModel) same |= writeWord(w, said, reading.responseModel, HAS.responseModel)
  if (has & HAS.serviceTier) same |= writeWord(w, said, reading.serviceTier, HAS.serviceTier)
  if (has & HAS.finish) same |= writeWord(w, said, reading.finish, HAS.finish)
  if (has & HAS.toolName) same |= writeWord(w, said, reading.toolName, HAS.toolName)
  if (has & HAS.errorType) same |= writeWord(w, said, reading.errorType, HAS.errorType)
  if (has & HAS.stoppedBy) same |= writeWord(w, said, reading.stoppedBy, HAS.stoppedBy)
  if (has & HAS.responseId) w.once(reading.responseId as string)
  if (has & HAS.usage) {
    const usage = reading.usage as RawUsage
    if (usage.cacheAccounting === said.accounting) same |= SAME_ACCOUNTING
    else w.text((said.accounting = usage.cacheAccounting))
    writeUsage(w, usage)
  }
  if (has & HAS.givenCostUsd) w.number(reading.givenCostUsd as number)
  if (has & HAS.outputEmpty) w.flag(reading.outputEmpty as boolean)
  if (has & HAS.perAttempt) w.flag(reading.perAttempt as boolean)
  if (has & HAS.outputInvalid) w.flag(reading.outputInvalid as boolean)
  if (has & HAS.outputText) w.once(reading.outputText as string)
  if (has & HAS.inputText) w.once(reading.inputText as string)
  if (has & HAS.toolCallId) w.once(reading.toolCallId as string)
  if (has & HAS.argumentsHash) w.once(reading.argumentsHash as string)
  if (has & HAS.resultEmpty) w.flag(reading.resultEmpty as boolean)
  if (has & HAS.blocked) w.flag(reading.blocked as boolean)
  if (has & HAS.serverSide) w.flag(reading.serverSide as boolean)
  if (has & HAS.failed) w.flag(reading.failed as boolean)
  if (has & HAS.incomplete) w.flag(reading.incomplete as boolean)
  if (has & HAS.intervention) w.once(JSON.stringify(reading.intervention))
  if (has & HAS.evaluations) w.once(JSON.stringify(reading.evaluations))
  w.set16(sameAt, same)
}

/** Writes a word unless it is what was said last under that field; the field's bit when it is. */
// oxlint-disable-next-line max-params -- once per word on the hot path
function writeWord(w: Writer, { words }: Said, value: string | undefined, bit: number): number {
  const number = 31 - Math.clz32(bit)
  if (value === words[number]) return bit
  const word = (words[number] = value ?? '')
  if (bit & HASHES) w.own(word)
  else w.text(word)
  return 0
}

// oxlint-disable-next-line complexity -- one line per field
export function readReading(r: Reader, said: Said): Reading {
  const has = r.int32()
  const same = r.int16()
  const reading = blankReading((same & SAME_ROLE ? said.role : (said.role = r.text())) as Reading['role'])
  if (has & HAS.agentName) reading.agentName = wordOf(r, said, same, HAS.agentName)
  if (has & HAS.agentVersion) reading.agentVersion = wordOf(r, said, same, HAS.agentVersion)
  if (has & HAS.promptName) reading.promptName = wordOf(r, said, same, HAS.promptName)
  if (has & HAS.promptVersion) reading.promptVersion = wordOf(r, said, same, HAS.promptVersion)
  if (has & HAS.instructionsHash) reading.instructionsHash = wordOf(r, said, same, HAS.instructionsHash)
  if (has & HAS.toolsHash) reading.toolsHash = wordOf(r, said, same, HAS.toolsHash)
  if (has & HAS.provider) reading.provider = wordOf(r, said, same, HAS.provider)
  if (has & HAS.requestModel) reading.requestModel = wordOf(r, said, same, HAS.requestModel)
  if (has & HAS.responseModel) reading.responseModel = wordOf(r, said, same, HAS.responseModel)
  if (has & HAS.serviceTier) reading.serviceTier = wordOf(r, said, same, HAS.serviceTier) as Tier
  if (has & HAS.finish) reading.finish = wordOf(r, said, same, HAS.finish) as FinishReason
  if (has & HAS.toolName) reading.toolName = wordOf(r, said, same, HAS.toolName)
  if (has & HAS.errorType) reading.errorType = wordOf(r, said, same, HAS.errorType)
  if (has & HAS.stoppedBy) reading.stoppedBy = wordOf(r, said, same, HAS.stoppedBy)
  if (has & HAS.responseId) reading.responseId = r.once()
  if (has & HAS.usage) {
    if ((same & SAME_ACCOUNTING) === 0) said.accounting = r.text()
    reading.usage = readUsage(r, said.accounting as RawUsage['cacheAccounting'])
  }
  if (has & HAS.givenCostUsd) reading.givenCostUsd = r.number()
  if (has & HAS.outputEmpty) reading.outputEmpty = r.flag()
  if (has & HAS.perAttempt) reading.perAttempt = r.flag()
  if (has & HAS.outputInvalid) reading.outputInvalid = r.flag()
  if (has & HAS.outputText) reading.outputText = r.once()
  if (has & HAS.inputText) reading.inputText = r.once()
  if (has & HAS.toolCallId) reading.toolCallId = r.once()
  if (has & HAS.argumentsHash) reading.argumentsHash = r.once()
  if (has & HAS.resultEmpty) reading.resultEmpty = r.flag()
  if (has & HAS.blocked) reading.blocked = r.flag()
  if (has & HAS.serverSide) reading.serverSide = r.flag()
  if (has & HAS.failed) reading.failed = r.flag()
  if (has & HAS.incomplete) reading.incomplete = r.flag()
  if (has & HAS.intervention) reading.intervention = JSON.parse(r.once()) as Intervention
  if (has & HAS.evaluations) reading.evaluations = JSON.parse(r.once()) as readonly ExternalEvaluation[]
  return reading
}

function wordOf(r: Reader, { words }: Said, same: number, bit: number): string {
  const number = 31 - Math.clz32(bit)
  return same & bit ? (words[number] ?? '') : (words[number] = r.text())
}
