/**
 * Proposals → the text of agentopz.yaml with them in it. Comments, order and formatting of everything else stay as they were typed: the
 * change is made in the YAML document and carried over to the typed lines.
 * Sections that somebody wrote by hand are theirs and kept, unless told to replace them; those with a `# baseline:` comment are ours.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Document, isAlias, isMap, isScalar, type Pair, parseDocument, type Scalar, type YAMLMap } from 'yaml'
import { shield, unshield } from '../config.ts'
import { diffLines, type Edit } from './diff.ts'
import type { Proposal } from './propose.ts'
import { printable } from './words.ts'

export interface Edited {
  readonly text: string
  /** What was not put in, and why, in sentences. */
  readonly notes: readonly string[]
}

const MARK = ' baseline:'

/** Puts the proposals of agents into the text of a valid configuration. */
export function editConfig(text: string, proposals: ReadonlyMap<string, readonly Proposal[]>, replace: boolean): Edited {
  const typed = shield(text.replaceAll('\r\n', '\n'))
  const format = { lineWidth: 0, indent: indentOf(typed), flowCollectionPadding: !/[:,-]\s*\{[^\s}]/.test(typed) } as const
  const document = parseDocument(typed)
  const canonical = String(parseDocument(typed).toString(format))
  const notes: string[] = []
  for (const [agent, list] of proposals) notes.push(...editAgent(document, agent, list, replace))
  const edited = document.toString(format)
  if (edited === canonical) return { text, notes }
  const result = unshield(carriedOver(typed, canonical, edited))
  return { text: text.includes('\r\n') ? result.replaceAll('\n', '\r\n') : result, notes }
}

function editAgent(document: Document, agent: string, list: readonly Proposal[], replace: boolean): readonly string[] {
  const name = printable(agent)
  if (list.length === 0) return []
  // A key is expanded like any text; there is no way to write such a name.
  if (/\$\{[A-Za-z_]/.test(agent))
    return [`${name}: its name looks like an environment variable, which cannot be written in the file; nothing is proposed`]
  const agents = mapIn(document, document.contents, 'agents')
  const own = agents === undefined ? undefined : mapIn(document, agents, agent)
  if (agents === undefined || own === undefined)
    return [`${name}: is written as an alias in the file; give it a map of its own to have objectives put there`]
  if (agents.flow === true) agents.flow = false
  unfold(agents, own, agent)
  return list.flatMap((p) => editSection(document, own, p, { name, replace }))
}

/** Comments need lines of their own: a map in braces is opened, and comments come to rest on the keys they stand above. */
function unfold(agents: YAMLMap, own: YAMLMap, agent: string): void {
  const [first] = own.items
  if (own.commentBefore && first !== undefined && isScalar(first.key)) {
    first.key.commentBefore = own.commentBefore
    own.commentBefore = null
  }
  if (own.flow !== true) return
  own.flow = false
  const key = pairOf(agents, agent)?.key
  if (!own.comment || !isScalar(key)) return
  key.commentBefore = [key.commentBefore, own.comment].filter(Boolean).join('\n')
  own.comment = null
}

function editSection(
  document: Document,
  own: YAMLMap,
  p: Proposal,
  { name, replace }: { name: string; replace: boolean },
): readonly string[] {
  const where = `${name}: ${p.section}`
  let pair = pairOf(own, p.section)
  if (pair !== undefined && isAlias(pair.value)) return [`${where} is an alias in the file and kept`]
  const section = pair !== undefined && isMap(pair.value) ? pair.value : undefined
  const typed = Object.keys(p.values).flatMap((k) => (section?.has(k) === true ? [`${k} ${String(section.get(k))}`] : []))
  if (pair !== undefined && section === undefined && isScalar(pair.value) && pair.value.value !== null)
    typed.push(JSON.stringify(pair.value.value))
  const isOurs = pair !== undefined && commentOf(pair).some((l) => l.startsWith(MARK))
  if (typed.length > 0 && !isOurs && !replace)
    return [`${where} is set by hand (${typed.join(', ')}) and kept; --replace would put ${written(p)}`]
  if (pair === undefined) {
    pair = document.createPair(p.section, null) as Pair<Scalar, unknown>
    own.items.push(pair as never)
  }
  if (section === undefined) pair.value = document.createNode(p.values, { flow: true })
  else for (const [k, v] of Object.entries(p.values)) section.set(k, v)
  const others = commentOf(pair).filter((l) => !l.startsWith(MARK))
  const key = isScalar(pair.key) ? pair.key : undefined
  if (key !== undefined) key.commentBefore = [...others, ...p.because.map((l) => `${MARK} ${l}`)].join('\n')
  return []
}

export function written(p: Proposal): string {
  return Object.entries(p.values)
    .map(([k, v]) => `${k} ${v}`)
    .join(', ')
}

function commentOf(pair: Pair): readonly string[] {
  const comment = isScalar(pair.key) ? pair.key.commentBefore : undefined
  return comment === undefined || comment === null || comment === '' ? [] : comment.split('\n')
}

/** Pair of a map by its key as text: `123:` is the agent "123". */
function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((p) => isScalar(p.key) && String(p.key.value) === key)
}

/** The map under a key, made when there is none; undefined when something else is there. */
function mapIn(document: Document, parent: unknown, key: string): YAMLMap | undefined {
  if (!isMap(parent)) {
    if (parent !== document.contents || (parent !== null && !(isScalar(parent) && parent.value === null))) return undefined
    document.contents = document.createNode({}) as never
    return mapIn(document, document.contents, key)
  }
  const pair = pairOf(parent, key)
  if (pair !== undefined && isMap(pair.value)) return pair.value
  const isEmpty = pair === undefined || pair.value === null || (isScalar(pair.value) && pair.value.value === null)
  if (!isEmpty) return undefined
  const made = document.createNode({}) as unknown as YAMLMap
  if (pair === undefined) parent.items.push(document.createPair(key, made) as never)
  else pair.value = made
  return made
}

/**
 * The edit carried over to the text as typed. `canonical` is what the YAML library would write of it: the same but for spacing and where
 * lines end. Where it is not, or the result would not mean the same, the library's own text is taken.
 */
function carriedOver(typed: string, canonical: string, edited: string): string {
  if (bare(typed) !== bare(canonical)) return edited
  const lines = typed.split('\n')
  const startOf = lineStarts(lines)
  const out: string[] = []
  let next = 0
  for (const change of changesOf(diffLines(canonical.split('\n'), edited.split('\n')))) {
    const from = startOf.get(change.from)
    const to = startOf.get(change.to)
    if (from === undefined || to === undefined) return edited
    out.push(...lines.slice(next, from), ...change.lines)
    next = to
  }
  const result = [...out, ...lines.slice(next)].join('\n')
  const check = parseDocument(result)
  return check.errors.length === 0 && isDeepStrictEqual(check.toJS(), parseDocument(edited).toJS()) ? result : edited
}

const bare = (text: string): string => text.replaceAll(/\s/g, '')

/** Which typed line starts after so many characters that are no space; the first one where empty lines follow. */
function lineStarts(lines: readonly string[]): ReadonlyMap<number, number> {
  const out = new Map([[0, 0]])
  let characters = 0
  for (const [i, line] of lines.entries()) {
    characters += bare(line).length
    if (!out.has(characters)) out.set(characters, i + 1)
  }
  return out
}

/** Changed places by how many characters that are no space come before and after them, with the lines that come there. */
function changesOf(edits: readonly Edit[]): readonly { readonly from: number; readonly to: number; readonly lines: readonly string[] }[] {
  const out: { from: number; to: number; lines: string[] }[] = []
  let characters = 0
  let open: (typeof out)[number] | undefined
  for (const { op, line } of edits) {
    if (op === 'same') open = undefined
    else if (open === undefined) out.push((open = { from: characters, to: characters, lines: [] }))
    if (op === 'new') open?.lines.push(line)
    else characters += bare(line).length
    if (op === 'gone' && open !== undefined) open.to = characters
  }
  return out
}

/** Spaces of the first indented line; 2 where there is none. */
function indentOf(text: string): number {
  return /^[^\s#][^\n]*:[^\S\n]*(?:#[^\n]*)?\n(?:\s*\n|\s*#[^\n]*\n)*( +)\S/m.exec(text)?.[1]?.length ?? 2
}
