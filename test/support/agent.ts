/**
 * Agents as child processes: a small program on real SDK packages, started as its user would start it, with or without the instrumentation.
 * What it prints and how it ends is kept; spans go to a sink. Nothing of the test's own environment reaches it but PATH.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Received } from '../conformance/sink.ts'
import type { Otlp } from './otlp.ts'

const TOP = join(import.meta.dirname, '../..')
export const REGISTER = pathToFileURL(join(TOP, 'instrumentation/register.ts')).href
/** The explicit API, for programs that import it. */
export const API = pathToFileURL(join(TOP, 'instrumentation/index.ts')).href
const LIMIT_MS = 40_000

export interface Program {
  /** Source of the entry file. */
  readonly source: string
  /** Its name; the extension says what it is. */
  readonly entry?: string
  /** Other files, by their path beside the entry. */
  readonly files?: Readonly<Record<string, string>>
  /** Install root in test/conformance/sdks whose packages it sees; the project's own where left out. */
  readonly sdk?: string
  readonly env?: Readonly<Record<string, string>>
  /** Arguments of Node before the entry, in place of loading the instrumentation. */
  readonly flags?: readonly string[]
}

export interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly ms: number
}

export interface Agent {
  readonly child: ChildProcess
  readonly dir: string
  readonly ended: Promise<Ended>
  /** Resolves when it has printed this. */
  said(text: string): Promise<void>
}

/** Starts a program; it is killed when it does not end within 40 s. */
export function startAgent({ source, entry = 'app.mjs', files = {}, sdk, env = {}, flags = ['--import', REGISTER] }: Program): Agent {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-agent-'))
  symlinkSync(join(sdk === undefined ? TOP : join(TOP, 'test/conformance/sdks', sdk), 'node_modules'), join(dir, 'node_modules'))
  for (const [name, text] of Object.entries({ [entry]: source, ...files })) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  const began = performance.now()
  const child = spawn(process.execPath, [...flags, join(dir, entry)], {
    cwd: dir,
    env: { PATH: process.env['PATH'], HOME: dir, AGENTOPZ_CONTROL_URL: 'off', OPENAI_API_KEY: 'k', ANTHROPIC_API_KEY: 'k', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = { stdout: '', stderr: '' }
  const heard = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (part: string) => {
      text[name] += part
      for (const tell of heard) tell()
    })
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const ended = new Promise<Ended>((done) =>
    child.once('close', (code, signal) => {
      clearTimeout(limit)
      rmSync(dir, { recursive: true, force: true })
      done({ ...text, code, signal, ms: performance.now() - began })
    }),
  )
  return {
    child,
    dir,
    ended,
    said: (wanted) =>
      new Promise((done, fail) => {
        const look = (): void => {
          if (!text.stdout.includes(wanted)) return
          heard.delete(look)
          done()
        }
        heard.add(look)
        look()
        void ended.then((e) => fail(new Error(`ended without saying "${wanted}": ${JSON.stringify(e)}`)))
      }),
  }
}

/** Runs a program to its end. */
export function runAgent(program: Program): Promise<Ended> {
  return startAgent(program).ended
}

export interface SeenSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: { readonly code?: number; readonly message?: string }
  readonly events: readonly string[]
  readonly scope: string
  readonly resource: Readonly<Record<string, unknown>>
}

/** The spans of what a sink received, in order of arrival. */
export function spansOf(received: readonly Received[]): readonly SeenSpan[] {
  const lists = (o: Otlp, key: string): readonly Otlp[] => (o[key] ?? []) as readonly Otlp[]
  return received.flatMap(({ request }) =>
    lists(request, 'resourceSpans').flatMap((r) =>
      lists(r, 'scopeSpans').flatMap((s) =>
        lists(s, 'spans').map((span) => ({
          name: String(span['name']),
          traceId: String(span['traceId']),
          spanId: String(span['spanId']),
          parentSpanId: typeof span['parentSpanId'] === 'string' ? span['parentSpanId'] : '',
          kind: Number(span['kind']),
          attributes: plain(lists(span, 'attributes')),
          status: (span['status'] ?? {}) as SeenSpan['status'],
          events: lists(span, 'events').map((e) => String(e['name'])),
          scope: (s['scope'] as { name?: string } | undefined)?.name ?? '',
          resource: plain(lists((r['resource'] ?? {}) as Otlp, 'attributes')),
        })),
      ),
    ),
  )
}

function plain(attributes: readonly Otlp[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map((a) => [String(a['key']), valueOf(a['value'] as Otlp)]))
}

function valueOf(value: Otlp): unknown {
  if ('intValue' in value) return Number(value['intValue'])
  if ('arrayValue' in value) return (((value['arrayValue'] as Otlp)['values'] ?? []) as Otlp[]).map(valueOf)
  return Object.values(value)[0]
}
