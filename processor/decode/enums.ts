/** OTLP's enums and span flags as both encodings read them. Values that the schema does not have are 0: unspecified, unset. */
import type { ParentLocation, StatusCode } from '../../model/span.ts'

const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((w) => [w, `${w}2`, `${w}3`, `${w}4`])

/** Names in the JSON encoding, by number. */
export const KINDS: readonly string[] = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((k) => `SPAN_KIND_${k}`)
export const STATUSES: readonly string[] = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR']
export const SEVERITY_NUMBERS: readonly string[] = ['UNSPECIFIED', ...SEVERITIES].map((s) => `SEVERITY_NUMBER_${s}`)

export const STATUS_CODES: readonly StatusCode[] = ['unset', 'ok', 'error']

/** The number itself when `names` has it, else 0. */
export function knownEnum(n: number, names: readonly unknown[]): number {
  return Number.isInteger(n) && n >= 0 && n < names.length ? n : 0
}

/** An enum in JSON: a number, a decimal string or a name. */
export function enumOfJson(v: unknown, names: readonly string[]): number {
  return typeof v === 'string' && names.includes(v) ? names.indexOf(v) : knownEnum(Number(v ?? 0), names)
}

/** Where the parent is, from OTLP span flags: bit 8 says that bit 9 is known, bit 9 that the parent is remote. */
export function parentLocationOf(flags: number): ParentLocation {
  return (flags & 0x100) === 0 ? 'unknown' : (flags & 0x200) === 0 ? 'local' : 'remote'
}
