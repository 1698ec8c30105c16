/**
 * Lines of two texts → what stays, goes and comes, by longest common subsequence; and that as a unified diff that `patch` applies.
 * Same texts, same diff: no dates in the headers. For configuration files: time and memory grow with the product of what differs.
 */

export interface Edit {
  readonly op: 'same' | 'gone' | 'new'
  readonly line: string
}

/** The edits that turn `a` into `b`, in order; gone lines before new ones. */
export function diffLines(a: readonly string[], b: readonly string[]): readonly Edit[] {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const same = (lines: readonly string[]): readonly Edit[] => lines.map((line) => ({ op: 'same', line }))
  const middle = compare(a.slice(head, a.length - tail), b.slice(head, b.length - tail))
  return [...same(a.slice(0, head)), ...middle, ...same(a.slice(a.length - tail))]
}

function compare(a: readonly string[], b: readonly string[]): readonly Edit[] {
  const width = b.length + 1
  const longest = longestCommon(a, b)
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0
  const out: Edit[] = []
  let i = 0
  let j = 0
  for (let [x, y] = [a[i], b[j]]; x !== undefined || y !== undefined; [x, y] = [a[i], b[j]]) {
    if (x !== undefined && x === y) {
      out.push({ op: 'same', line: x })
      i++
      j++
    } else if (x !== undefined && (y === undefined || at(i + 1, j) >= at(i, j + 1))) {
      out.push({ op: 'gone', line: x })
      i++
    } else if (y !== undefined) {
      out.push({ op: 'new', line: y })
      j++
    }
  }
  return out
}

/** At `i * (b.length + 1) + j`: length of the longest common subsequence of a from i and b from j. */
function longestCommon(a: readonly string[], b: readonly string[]): Uint32Array {
  const width = b.length + 1
  const out = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const skip = Math.max(out[(i + 1) * width + j] ?? 0, out[i * width + j + 1] ?? 0)
      out[i * width + j] = a[i] === b[j] ? 1 + (out[(i + 1) * width + j + 1] ?? 0) : skip
    }
  }
  return out
}

const CONTEXT = 3

/** Unified diff; empty when the texts are the same. An `a` of undefined is a file that is not there yet. */
export function unifiedDiff(a: string | undefined, b: string, name: string): string {
  const edits = diffLines(linesOf(a ?? ''), linesOf(b))
  if (edits.every((e) => e.op === 'same')) return ''
  const out = [`--- ${a === undefined ? '/dev/null' : name}`, `+++ ${name}`]
  let [lineA, lineB] = [1, 1]
  let at = 0
  for (const [from, to] of hunksOf(edits)) {
    for (; at < from; at++) [lineA, lineB] = [lineA + 1, lineB + 1]
    const hunk = edits.slice(from, to)
    const inA = hunk.filter((e) => e.op !== 'new').length
    const inB = hunk.filter((e) => e.op !== 'gone').length
    out.push(`@@ -${inA === 0 ? lineA - 1 : lineA},${inA} +${inB === 0 ? lineB - 1 : lineB},${inB} @@`)
    for (const { op, line } of hunk)
      out.push(`${{ same: ' ', gone: '-', new: '+' }[op]}${line.endsWith('\n') ? line.slice(0, -1) : `${line}\n${NO_NEWLINE}`}`)
    lineA += inA
    lineB += inB
    at = to
  }
  return `${out.join('\n')}\n`
}

const NO_NEWLINE = '\\ No newline at end of file'

/** Lines with their ends, so that a last line without one differs from one with. */
function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** Ranges of edits around changes with context; those that touch are one. */
function hunksOf(edits: readonly Edit[]): readonly (readonly [number, number])[] {
  const out: [number, number][] = []
  for (const [i, { op }] of edits.entries()) {
    if (op === 'same') continue
    const from = Math.max(0, i - CONTEXT)
    const to = Math.min(edits.length, i + 1 + CONTEXT)
    const last = out.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = to
    else out.push([from, to])
  }
  return out
}
