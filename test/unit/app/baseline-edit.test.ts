/** Proposals put into a configuration: what somebody typed stays as typed, what comes out is valid, and the diff is one that applies. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffLines, unifiedDiff } from '../../../app/baseline/diff.ts'
import { editConfig } from '../../../app/baseline/edit.ts'
import type { Proposal } from '../../../app/baseline/propose.ts'
import { parseConfig } from '../../../app/config.ts'

const quality = (target: number): Proposal => ({ section: 'quality', values: { target }, because: ['95 % of 1,000 passed', 'never paged'] })
const cost: Proposal = { section: 'cost_usd', values: { per_run: 0.16, target: 0.99 }, because: ['mean $0.03'] }
const edit = (text: string, agents: Record<string, readonly Proposal[]>, replace = false): ReturnType<typeof editConfig> =>
  editConfig(text, new Map(Object.entries(agents)), replace)

/** What an edit took away and put in, line by line. */
function change(before: string, after: string): { readonly gone: readonly string[]; readonly new: readonly string[] } {
  const edits = diffLines(before.split('\n'), after.split('\n'))
  return { gone: edits.filter((e) => e.op === 'gone').map((e) => e.line), new: edits.filter((e) => e.op === 'new').map((e) => e.line) }
}

interface Case {
  readonly name: string
  readonly before: string
  readonly after: string
  readonly replace?: boolean
}

const cases: readonly Case[] = [
  {
    name: 'an empty file gets agents',
    before: '',
    after: 'agents:\n  a:\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: { target: 0.9 }\n',
  },
  {
    name: 'a key without a value is filled',
    before: 'agents:\nlisten: 127.0.0.1:1\n',
    after:
      'agents:\n  a:\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: { target: 0.9 }\nlisten: 127.0.0.1:1\n',
  },
  {
    name: 'odd spacing, blank lines, comments and quotes stay',
    before: '# head\nlisten:   \'127.0.0.1:1\'   # why\n\n\nagents:\n  # about a\n  a:\n    team:    "x"     # theirs\n\n  b: {team: y}\n',
    after:
      '# head\nlisten:   \'127.0.0.1:1\'   # why\n\n\nagents:\n  # about a\n  a:\n    team:    "x"     # theirs\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: {target: 0.9}\n\n  b: {team: y}\n',
  },
  {
    name: 'a comment beside an agent stays beside it',
    before: 'agents:   # all\n  a:   # pays the bills\n    team: x\n',
    after:
      'agents:   # all\n  a:   # pays the bills\n    team: x\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: { target: 0.9 }\n',
  },
  {
    name: 'environment variables in braces stay as written',
    before: 'auth: { tokens: [{ name: a, role: read, token: ${T:-x} }] }\nagents:\n  a:\n    team: x\n',
    after:
      'auth: { tokens: [{ name: a, role: read, token: ${T:-x} }] }\nagents:\n  a:\n    team: x\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: { target: 0.9 }\n',
  },
  {
    name: 'an agent in braces is opened, its comment kept',
    before: 'agents:\n  a: { team: x } # theirs\n',
    after:
      'agents:\n  # theirs\n  a:\n    team: x\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: { target: 0.9 }\n',
  },
  {
    name: 'other keys of a section stay, ours join them',
    before: 'agents:\n  a:\n    quality: { checks: [completed] }\n',
    after:
      'agents:\n  a:\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: { checks: [ completed ], target: 0.9 }\n',
  },
  {
    name: 'a section of ours is renewed, with its old comment gone and others kept',
    before: 'agents:\n  a:\n    # baseline: old\n    # theirs\n    quality: { target: 0.5 }\n',
    after: 'agents:\n  a:\n    # theirs\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: { target: 0.9 }\n',
  },
  {
    name: 'a value set by hand is kept',
    before: 'agents:\n  a:\n    quality: 0.97 # promised\n',
    after: 'agents:\n  a:\n    quality: 0.97 # promised\n',
  },
  {
    name: 'a value set by hand is replaced when told to',
    before: 'agents:\n  a:\n    quality: { target: 0.97, window: 28d }\n',
    after: 'agents:\n  a:\n    # baseline: 95 % of 1,000 passed\n    # baseline: never paged\n    quality: { target: 0.9, window: 28d }\n',
    replace: true,
  },
]

describe('editing', () => {
  for (const c of cases) test(c.name, () => expect(edit(c.before, { a: [quality(0.9)] }, c.replace).text).toBe(c.after))

  test('what is kept is told, with what would have come', () => {
    expect(edit('agents: { a: { quality: 0.97 } }\n', { a: [quality(0.9)] }).notes).toEqual([
      'a: quality is set by hand (0.97) and kept; --replace would put target 0.9',
    ])
  })
  test('an alias is kept: changing it would change others', () => {
    const text = 'agents:\n  b: &x { team: x }\n  a: *x\n'
    const { text: after, notes } = edit(text, { a: [quality(0.9)] })
    expect(after).toBe(text)
    expect(notes[0]).toContain('alias')
  })
  test('Windows line ends stay', () => {
    const { text } = edit('agents:\r\n  a:\r\n    team: x\r\n', { a: [quality(0.9)] })
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(text.split('\r\n')).toHaveLength(7)
  })
  test('a second time with the same numbers changes nothing', () => {
    const once = edit('agents:\n  a: { team: x }\n', { a: [quality(0.9), cost], b: [cost] }).text
    expect(edit(once, { a: [quality(0.9), cost], b: [cost] }).text).toBe(once)
  })
  test('the example only grows', () => {
    const example = readFileSync(join(import.meta.dirname, '../../../agentopz.example.yaml'), 'utf8')
    const { text } = edit(example, { 'support-agent': [quality(0.9), cost], other: [quality(0.8)] })
    expect(change(example, text).gone).toEqual([])
    expect(parseConfig(text, 'x', {}).ok).toBe(true)
  })
  test('a name that looks like a variable cannot be written, and it is said', () => {
    const { text, notes } = edit('', { '${HOME}': [quality(0.9)] })
    expect([text, notes[0]]).toEqual(['', expect.stringContaining('looks like an environment variable')])
  })
  test('any name arrives as it is', () => {
    const name = fc
      .string({ unit: 'binary', minLength: 0, maxLength: 30 })
      .filter((n) => !n.includes('${') && n.isWellFormed() && !/[\ue000-\ue07f]/.test(n))
    const hostile = fc.constantFrom(
      'yes',
      '123',
      '1e3',
      'null',
      '- x',
      '? x',
      ': x',
      '# x',
      '"',
      "'",
      '&a',
      '*a',
      '{x: 1}',
      'a\nb: c',
      '\u0000',
      '\u2028',
      '\ufeff',
      '%',
      '@',
      '`',
      '<<',
      '~',
      ' x ',
      '',
    )
    fc.assert(
      fc.property(fc.oneof(name, hostile), (agent) => {
        // No agent can be configured by this name: the file is refused.
        fc.pre(agent !== '__proto__')
        const { text } = edit('listen: 127.0.0.1:1 # mine\nagents:\n  z: { team: x }\n', { [agent]: [quality(0.9)] })
        const loaded = parseConfig(text, 'x', {})
        if (!loaded.ok) throw new Error(`${loaded.problems.join('\n')}\n${text}`)
        expect(loaded.config.agents[agent]?.quality).toEqual({ target: 0.9 })
      }),
      { numRuns: 150 },
    )
  }, 30_000)
})

describe('diffs', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 20 })
  const textOf = (l: readonly string[], ends: boolean): string => l.join('\n') + (ends && l.length > 0 ? '\n' : '')

  test('edits lead from one text to the other', () => {
    fc.assert(
      fc.property(lines, lines, (a, b) => {
        const edits = diffLines(a, b)
        expect(edits.filter((e) => e.op !== 'new').map((e) => e.line)).toEqual(a)
        expect(edits.filter((e) => e.op !== 'gone').map((e) => e.line)).toEqual(b)
      }),
    )
  })
  test('patch applies them', () => {
    const dir = mkdtempSync(join(tmpdir(), 'agentopz-diff-'))
    try {
      fc.assert(
        fc.property(lines, lines, fc.boolean(), fc.boolean(), (a, b, endA, endB) => {
          const [before, after] = [textOf(a, endA), textOf(b, endB)]
          const diff = unifiedDiff(before, after, 'file')
          fc.pre(diff !== '' && after !== '')
          writeFileSync(join(dir, 'file'), before)
          const { status, stdout } = spawnSync('patch', ['-p0', '--no-backup-if-mismatch'], { cwd: dir, input: diff, encoding: 'utf8' })
          expect({ status, stdout }).toEqual({ status: 0, stdout: 'patching file file\n' })
          expect(readFileSync(join(dir, 'file'), 'utf8')).toBe(after)
        }),
        { numRuns: 100 },
      )
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
  test('texts that are the same have none', () => expect(unifiedDiff('a\n', 'a\n', 'x')).toBe(''))
  test('a file that is not there yet comes from nowhere', () => {
    expect(unifiedDiff(undefined, 'a\n', 'x')).toBe('--- /dev/null\n+++ x\n@@ -0,0 +1,1 @@\n+a\n')
  })
})
