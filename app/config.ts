/**
 * agentopz.yaml → configuration, or every mistake at once as `file:line:column  key: what is wrong; write …`.
 * `${ENV}` and `${ENV:-default}` are expanded in strings. A file that does not exist is a mistake only when it was named.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml'
import type { z } from 'zod'
import { type Config, configSchema } from './config-schema.ts'
import { fileProblem } from './file-problem.ts'

export type Loaded =
  | { readonly ok: true; readonly config: Config; readonly file: string | undefined; readonly dir: string }
  | { readonly ok: false; readonly problems: readonly string[] }

export const DEFAULT_FILE = 'agentopz.yaml'

/** Configuration with nothing said. */
export const DEFAULT_CONFIG: Config = configSchema.parse({})

/** Reads a configuration file, `agentopz.yaml` here when none is named, or the defaults when that is not there. */
export function loadConfig(file: string | undefined, env: Readonly<Record<string, string | undefined>>): Loaded {
  const path = file ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined)
  if (path === undefined) return { ok: true, config: DEFAULT_CONFIG, file: undefined, dir: process.cwd() }
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return { ok: false, problems: [`${path}: ${fileProblem(error)}; name one that can be read, or leave it out for ${DEFAULT_FILE} here`] }
  }
  return parseConfig(text, path, env)
}

/** Reads configuration text; `name` is what problems call the file. */
export function parseConfig(text: string, name: string, env: Readonly<Record<string, string | undefined>>): Loaded {
  const lines = new LineCounter()
  const document = parseDocument(shield(text), { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const problems: { at: number; text: string }[] = []
  const say = (at: number, what: string): void => {
    const { line, col } = lines.linePos(at)
    problems.push({ at, text: `${name}:${line}:${col}  ${what}` })
  }
  for (const error of document.errors) say(error.pos[0], error.message.split('\n', 1)[0] ?? error.message)
  if (problems.length === 0) {
    expandEnvironment(document, env, say)
    const parsed = configSchema.safeParse(document.toJS() ?? {})
    if (parsed.success && problems.length === 0) return { ok: true, config: parsed.data, file: name, dir: dirname(resolve(name)) }
    const unset = new Set(problems.map((p) => p.at))
    // A value that could not be expanded was told already; what it looks like without is no second mistake.
    for (const issue of parsed.error?.issues ?? []) tell(issue, document, (at, what) => (unset.has(at) ? undefined : say(at, what)))
  }
  return { ok: false, problems: problems.sort((a, b) => a.at - b.at).map((p) => p.text) }
}

type Say = (at: number, what: string) => void

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}/g
/** Private-use characters that stand for ASCII while YAML is parsed. */
const SHIELD = 0xe000

/**
 * `${NAME}` holds characters that mean something to YAML (`token: ${T} }` in a flow map is a syntax error). They are swapped for private
 * ones of the same length before parsing, so that positions stay right, and back when the value is read.
 */
export function shield(text: string): string {
  return text.replaceAll(VARIABLE, (variable) => variable.replaceAll(/[{}[\],:#-]/g, (c) => String.fromCharCode(SHIELD + c.charCodeAt(0))))
}

/** Shielded text as it was written. */
export function unshield(text: string): string {
  return text.replaceAll(/[\ue000-\ue07f]/g, (c) => String.fromCharCode(c.charCodeAt(0) - SHIELD))
}

/** Expands what is written as a variable, and refuses the one name that would get lost. */
function expandEnvironment(document: Document, env: Readonly<Record<string, string | undefined>>, say: Say): void {
  visit(document, {
    Scalar: (key, node) => {
      // As a key it would be lost without a word: to JavaScript it is no name like others.
      if (key === 'key' && node.value === '__proto__') say(node.range?.[0] ?? 0, '__proto__: this cannot be a name; write another one')
      if (typeof node.value !== 'string' || !/[\ue000-\ue07f]/.test(node.value)) return
      const written = unshield(node.value)
      const expanded = written.replaceAll(VARIABLE, (_, name: string, fallback: string | undefined) => {
        const value = env[name] ?? fallback
        if (value === undefined)
          say(node.range?.[0] ?? 0, `the environment variable ${name} is not set; set it, or write \${${name}:-default}`)
        return value ?? ''
      })
      // An unquoted number or boolean from the environment is one.
      const isLiteral = key !== 'key' && node.type === 'PLAIN' && /^(-?\d+(\.\d+)?|true|false)$/.test(expanded)
      node.value = isLiteral ? JSON.parse(expanded) : expanded
    },
  })
}

function tell(issue: z.core.$ZodIssue, document: Document, say: Say): void {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      say(keyOffset(document, issue.path, key), `${[...path, key].join('.')}: no such key${suggestion(key, keysAt(path))}`)
    return
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that got furthest says best what is meant: an unknown key inside an object rather than "not a number".
    const value = valueAt(document, issue.path)
    const best =
      issue.errors.find((branch) => branch.some((i) => i.path.length > 0 || i.code === 'unrecognized_keys')) ??
      issue.errors.find((branch) => branch.some((i) => i.code === 'custom' && typeof value === 'number'))
    if (best !== undefined) {
      for (const inner of best) tell({ ...inner, path: [...issue.path, ...inner.path] }, document, say)
      return
    }
  }
  const at = path.length === 0 ? 'the file' : path.join('.')
  say(offsetAt(document, issue.path), `${at}: ${wrong(issue, valueAt(document, issue.path))}`)
}

/** What is wrong with a value and what to write; a message of the schema's own is left as it is. */
function wrong(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === 'invalid_value' && /^Invalid (option|input):/.test(issue.message)) {
    const choices = issue.values.map(String)
    const listed = choices.length < 2 ? choices.join('') : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1) ?? ''}`
    return value === undefined ? `expected ${listed}, got nothing` : `${describe(value)} is not known here; write ${listed}`
  }
  if (issue.code === 'too_small' && issue.message.startsWith('Too small:')) {
    if (issue.origin === 'string') return 'it is empty; write something, or leave it out'
    return `${describe(value)} is too small; write ${issue.inclusive === true ? `${issue.minimum} or more` : `more than ${issue.minimum}`}`
  }
  if (issue.code === 'too_big' && issue.message.startsWith('Too big:'))
    return `${describe(value)} is too large; write ${issue.inclusive === true ? `${issue.maximum} or less` : `less than ${issue.maximum}`}`
  const wanted = /expected (.+), received (.+)/.exec(issue.message)
  return wanted === null ? issue.message.replace(/^Invalid input: /, '') : `expected ${wanted[1] ?? ''}, got ${describe(value)}`
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  return typeof value === 'string'
    ? `"${value}"`
    : Array.isArray(value)
      ? 'a list'
      : typeof value === 'object'
        ? 'a map'
        : JSON.stringify(value)
}

function nodeAt(document: Document, path: readonly PropertyKey[]): Node | undefined {
  return document.getIn(path, true) as Node | undefined
}

function valueAt(document: Document, path: readonly PropertyKey[]): unknown {
  const node = nodeAt(document, path)
  return isScalar(node) ? node.value : node?.toJS(document)
}

/** Where a value is; the nearest thing above that exists when it is missing. */
function offsetAt(document: Document, path: readonly PropertyKey[]): number {
  for (let n = path.length; n >= 0; n--) {
    const node = n === 0 ? (document.contents as Node | null) : nodeAt(document, path.slice(0, n))
    if (node?.range) return node.range[0]
  }
  return 0
}

function keyOffset(document: Document, path: readonly PropertyKey[], key: string): number {
  const map = path.length === 0 ? document.contents : nodeAt(document, path)
  const pair = isMap(map) ? map.items.find((p) => isScalar(p.key) && String(p.key.value) === key) : undefined
  return isScalar(pair?.key) ? (pair.key.range?.[0] ?? 0) : offsetAt(document, path)
}

/** Names of the keys that the schema has at a path. */
function keysAt(path: readonly string[]): readonly string[] {
  let at: unknown = configSchema
  for (const step of path) at = childOf(unwrap(at), step)
  const shape = (unwrap(at) as { shape?: object }).shape
  return shape === undefined ? [] : Object.keys(shape)
}

function childOf(schema: unknown, step: string): unknown {
  const s = schema as { shape?: Record<string, unknown>; element?: unknown; valueType?: unknown }
  return s.shape?.[step] ?? s.element ?? s.valueType
}

/** The object schema inside defaults, optionals and unions. */
function unwrap(schema: unknown): unknown {
  let s = schema as { unwrap?: () => unknown; options?: readonly unknown[]; shape?: object; element?: unknown } | undefined
  for (let i = 0; i < 10 && s !== undefined && s.shape === undefined; i++) {
    if (s.options !== undefined) s = s.options.find((o) => (unwrap(o) as { shape?: object } | undefined)?.shape !== undefined) as typeof s
    else if (s.element === undefined && typeof s.unwrap === 'function') s = s.unwrap() as typeof s
    else break
  }
  return s
}

function suggestion(key: string, known: readonly string[]): string {
  const near = known.map((k) => [k, distance(key, k)] as const).sort((a, b) => a[1] - b[1])[0]
  if (near !== undefined && near[1] <= Math.max(2, key.length / 3)) return `; did you mean "${near[0]}"?`
  return known.length === 0 ? '' : `; known here: ${known.join(', ')}`
}

/** Edit distance (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row.at(-1) ?? 0
}
