/**
 * Logs: one JSON object a line, or one readable line on a terminal. Secrets are cut out; message content never gets here.
 */
import pino, { type Logger } from 'pino'

export type { Logger } from 'pino'

export interface LogOptions {
  readonly level: string
  readonly format: 'auto' | 'json' | 'pretty'
}

/** A logger on standard error, so that what commands print stays clean. */
export function createLog({ level, format }: LogOptions): Logger {
  const isPretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY)
  const options = {
    level,
    redact: { paths: ['authorization', '*.authorization', 'token', '*.token', 'headers'], censor: '[redacted]' },
    base: null,
  }
  if (!isPretty) return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }))
  return pino(options, { write: (line: string) => process.stderr.write(readable(line)) })
}

const LEVEL: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

function readable(line: string): string {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as {
    level: number
    time: number
    msg?: string
    err?: { message?: string; stack?: string }
  } & Record<string, unknown>
  const fields = Object.entries(rest).map(([k, v]) => `${k}=${typeof v === 'string' ? v : JSON.stringify(v)}`)
  const words = [new Date(time).toISOString().slice(11, 19), (LEVEL[level] ?? '').padEnd(5), msg ?? '', ...fields, err?.message ?? '']
  return `${words.filter((w) => w !== '').join(' ')}\n`
}
