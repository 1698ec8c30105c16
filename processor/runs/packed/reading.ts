/**
 * A reading ↔ bytes, exactly: which fields it has is one number, which words are those that were said last is another, values follow in one order.
 * Readings come in many shapes, where a field costs 5 to 10 ns to ask for by name, there or not: going through those that are there took writing
 * from 160 to 55 ns. What is read back is named field by field, for storing under a name from a table takes three times as long.
 * A field that is missing in a table does not compile; one that is not read, or not in its order, is found by the test of this folder.
 */
import type { ExternalEvaluation, FinishReason, Intervention, RawUsage, Reading } from '../../../model/run.ts'
import type { Draft } from '../../dialects/reading.ts'
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
/** Bits of `same` above those of the words. */
const [SAME_ROLE, SAME_ACCOUNTING] = [1 << 14, 1 << 15]

/** How a value is written: a word may be said again, `once` is text that hardly comes twice. */
const [WORD, ONCE, FLAG, NUMBER, USAGE, DATA] = [0, 1, 2, 3, 4, 5]
const KINDS = {
  agentName: WORD,
  agentVersion: WORD,
  promptName: WORD,
  promptVersion: WORD,
  instructionsHash: WORD,
  toolsHash: WORD,
  provider: WORD,
  requestModel: WORD,
  responseModel: WORD,
  serviceTier: WORD,
  finish: WORD,
  toolName: WORD,
  errorType: WORD,
  stoppedBy: WORD,
  responseId: ONCE,
  usage: USAGE,
  givenCostUsd: NUMBER,
  outputEmpty: FLAG,
  perAttempt: FLAG,
  outputInvalid: FLAG,
  outputText: ONCE,
  inputText: ONCE,
  toolCallId: ONCE,
  argumentsHash: ONCE,
  resultEmpty: FLAG,
  blocked: FLAG,
  serverSide: FLAG,
  failed: FLAG,
  incomplete: FLAG,
  intervention: DATA,
  evaluations: DATA,
} satisfies Record<Field, number>

const NAMES = Object.keys(HAS) as readonly Field[]
const NUMBERS: ReadonlyMap<string, number> = new Map(NAMES.map((name, i) => [name, i]))
const KIND = Uint8Array.from(NAMES, (name) => KINDS[name])

/** What a record's readings said last, words by the number of their field: the spans of an agent name one agent, one provider, one model. */
export class Said {
  role = ''
  accounting = ''
  /** Of a span: the number of its claim. */
  claim = 0
  readonly words: string[] = NAMES.map(() => '')
}

const values: unknown[] = NAMES.map(() => undefined)

export function writeReading(w: Writer, reading: Reading, said: Said): void {
  let has = 0
  for (const name in reading) {
    const value: unknown = reading[name as keyof Reading]
    const number = NUMBERS.get(name)
    if (value === undefined || number === undefined) continue
    has |= 1 << number
    values[number] = value
  }
  w.int32(has)
  const at = w.reserve16()
  let same = 0
  if (reading.role === said.role) same = SAME_ROLE
  else w.text((said.role = reading.role))
  for (let left = has; left !== 0; left &= left - 1) {
    const number = 31 - Math.clz32(left & -left)
    const value = values[number]
    switch (KIND[number]) {
      case WORD:
        if (value === said.words[number]) same |= 1 << number
        else w.text((said.words[number] = value as string))
        break
      case ONCE:
        w.once(value as string)
        break
      case FLAG:
        w.flag(value as boolean)
        break
      case NUMBER:
        w.number(value as number)
        break
      case USAGE: {
        const { cacheAccounting } = value as RawUsage
        if (cacheAccounting === said.accounting) same |= SAME_ACCOUNTING
        else w.text((said.accounting = cacheAccounting))
        writeUsage(w, value as RawUsage)
        break
      }
      default:
        w.once(JSON.stringify(value))
    }
  }
  w.set16(at, same)
}

// oxlint-disable-next-line complexity -- one line per field
export function readReading(r: Reader, said: Said): Reading {
  const has = r.int32()
  const same = r.int16()
  const reading: Draft<Reading> = { role: (same & SAME_ROLE ? said.role : (said.role = r.text())) as Reading['role'] }
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
