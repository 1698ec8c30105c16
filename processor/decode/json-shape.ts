/**
 * Whether a parsed OTLP/JSON request has the shapes the schema says. Unknown fields are ignored, null is absent.
 * A problem is a sentence that starts with its path (`resourceSpans[0].scopeSpans[1].spans[3].traceId is not hex`), or with a blank
 * when it is about the item itself; the path is put together on the way out, so a good request pays nothing for it.
 * Source: OTLP 1.9, "JSON Protobuf Encoding".
 */

export type Fields = Readonly<Record<string, unknown>>
type Problem = string | undefined
type Check = (fields: Fields) => Problem

export function isFields(v: unknown): v is Fields {
  return typeof v === 'object' && v !== null && !Array.isArray(v)
}

/** What is wrong with a traces request, or undefined. */
export function problemInTraces(request: unknown): Problem {
  return problemInRequest(request, ['resourceSpans', 'scopeSpans', 'spans'], checkSpan)
}

/** What is wrong with a logs request, or undefined. */
export function problemInLogs(request: unknown): Problem {
  return problemInRequest(request, ['resourceLogs', 'scopeLogs', 'logRecords'], checkLog)
}

/** What is wrong with a metrics request, or undefined. Data points are counted, not read: only their lists are checked. */
export function problemInMetrics(request: unknown): Problem {
  return problemInRequest(request, ['resourceMetrics', 'scopeMetrics', 'metrics'], (metric) => {
    for (const kind of METRIC_KINDS) {
      const problem = checkChild(metric, kind, (data) => checkEach(data, 'dataPoints', () => undefined))
      if (problem !== undefined) return problem
    }
    return undefined
  })
}

export const METRIC_KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const

function problemInRequest(request: unknown, [outer, middle, inner]: readonly [string, string, string], check: Check): Problem {
  if (!isFields(request)) return `the request is ${nameOf(request)}, not an object`
  const scopeItems: Check = (s) => checkChild(s, 'scope', checkScope) ?? checkEach(s, inner, check)
  return checkEach(request, outer, (r) => checkChild(r, 'resource', checkAttributes) ?? checkEach(r, middle, scopeItems))
}

function checkScope(scope: Fields): Problem {
  return checkString(scope, 'name') ?? checkString(scope, 'version') ?? checkAttributes(scope)
}

function checkSpan(span: Fields): Problem {
  return (
    checkIds(span, ['traceId', 'spanId', 'parentSpanId']) ??
    checkTimes(span, ['startTimeUnixNano', 'endTimeUnixNano']) ??
    checkString(span, 'name') ??
    checkString(span, 'traceState') ??
    checkEnum(span, 'kind') ??
    checkEnum(span, 'flags') ??
    checkChild(span, 'status', (s) => checkEnum(s, 'code') ?? checkString(s, 'message')) ??
    checkAttributes(span) ??
    checkEach(span, 'events', checkEvent) ??
    checkEach(span, 'links', (link) => checkIds(link, ['traceId', 'spanId']))
  )
}

function checkEvent(event: Fields): Problem {
  return checkTimes(event, ['timeUnixNano']) ?? checkString(event, 'name') ?? checkAttributes(event)
}

function checkLog(log: Fields): Problem {
  return (
    checkIds(log, ['traceId', 'spanId']) ??
    checkTimes(log, ['timeUnixNano', 'observedTimeUnixNano']) ??
    checkEnum(log, 'severityNumber') ??
    checkString(log, 'eventName') ??
    checkChild(log, 'body', checkValue) ??
    checkAttributes(log)
  )
}

function checkAttributes(of: Fields): Problem {
  return checkEach(of, 'attributes', checkKeyValue)
}

function checkKeyValue(kv: Fields): Problem {
  if (typeof kv['key'] !== 'string') return ' has no key'
  const problem = checkChild(kv, 'value', checkValue)
  // The commonest mistake of a hand-written exporter.
  return problem?.startsWith('value is ') === true ? `${problem} such as {"stringValue": "…"}` : problem
}

/** AnyValue. Its depth was limited before parsing. */
function checkValue(value: Fields): Problem {
  return (
    checkString(value, 'stringValue') ??
    checkString(value, 'bytesValue') ??
    checkType(value, 'boolValue', 'boolean') ??
    checkInt(value) ??
    checkDouble(value) ??
    checkChild(value, 'arrayValue', (array) => checkEach(array, 'values', checkValue)) ??
    checkChild(value, 'kvlistValue', (list) => checkEach(list, 'values', checkKeyValue))
  )
}

function checkInt(value: Fields): Problem {
  const v = value['intValue']
  return isAbsent(v) || isWhole(v, -(2n ** 63n), 2n ** 63n - 1n) ? undefined : 'intValue is no 64-bit integer'
}

function checkDouble(value: Fields): Problem {
  const v = value['doubleValue']
  if (isAbsent(v) || typeof v === 'number') return undefined
  const isNumber = typeof v === 'string' && v.trim() !== '' && (v === 'NaN' || !Number.isNaN(Number(v)))
  return isNumber ? undefined : 'doubleValue is no number'
}

function checkTimes(of: Fields, keys: readonly string[]): Problem {
  for (const key of keys) if (!isAbsent(of[key]) && !isWhole(of[key], 0n, 2n ** 64n - 1n)) return `${key} is no unsigned 64-bit integer`
  return undefined
}

/** A JSON number or a decimal string; only the longest need BigInt. */
function isWhole(v: unknown, min: bigint, max: bigint): boolean {
  if (typeof v === 'number') return Number.isInteger(v) && v >= Number(min) && v <= Number(max)
  if (typeof v !== 'string' || !/^-?\d{1,20}$/.test(v)) return false
  if (v.length < 19) return min < 0n || !v.startsWith('-')
  const n = BigInt(v)
  return n >= min && n <= max
}

function checkIds(of: Fields, keys: readonly string[]): Problem {
  for (const key of keys) {
    const v = of[key]
    if (isAbsent(v)) continue
    if (typeof v !== 'string') return `${key} is ${nameOf(v)}, not a hex string`
    if (!/^[0-9a-fA-F]*$/.test(v)) return `${key} is not hex`
  }
  return undefined
}

/** A number or the name of one; what it means is settled where it is read. */
function checkEnum(of: Fields, key: string): Problem {
  const v = of[key]
  return isAbsent(v) || typeof v === 'number' || typeof v === 'string' ? undefined : `${key} is ${nameOf(v)}, not a number`
}

function checkString(of: Fields, key: string): Problem {
  return checkType(of, key, 'string')
}

function checkType(of: Fields, key: string, type: 'string' | 'boolean'): Problem {
  const v = of[key]
  return isAbsent(v) || typeof v === type ? undefined : `${key} is ${nameOf(v)}, not a ${type}`
}

function checkChild(of: Fields, key: string, check: Check): Problem {
  const v = of[key]
  if (isAbsent(v)) return undefined
  if (!isFields(v)) return `${key} is ${nameOf(v)}, not an object`
  const problem = check(v)
  return problem === undefined ? undefined : `${key}.${problem}`
}

function checkEach(of: Fields, key: string, check: Check): Problem {
  const list = of[key]
  if (isAbsent(list)) return undefined
  if (!Array.isArray(list)) return `${key} is ${nameOf(list)}, not a list`
  for (let i = 0; i < list.length; i++) {
    const item: unknown = list[i]
    if (!isFields(item)) return `${key}[${i}] is ${nameOf(item)}, not an object`
    const problem = check(item)
    if (problem !== undefined) return `${key}[${i}]${problem.startsWith(' ') ? '' : '.'}${problem}`
  }
  return undefined
}

function isAbsent(v: unknown): boolean {
  return v === undefined || v === null
}

function nameOf(v: unknown): string {
  if (v === null) return 'null'
  if (Array.isArray(v)) return 'a list'
  return typeof v === 'object' ? 'an object' : `a ${typeof v}`
}
