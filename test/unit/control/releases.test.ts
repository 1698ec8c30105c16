import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Asked, AuditEntry } from '../../../control/audit.ts'
import { sha256 } from '../../../control/canonical.ts'
import {
  activateRelease,
  activeVersion,
  diffReleases,
  NO_RELEASES,
  publishRelease,
  RELEASE_REFUSALS,
  type ReleaseDraft,
  releaseDocument,
  type ReleaseLimits,
  type ReleaseState,
  replayActivations,
  rollbackRelease,
} from '../../../control/releases.ts'
import { ASKED } from './support.ts'

const LIMITS: ReleaseLimits = { maxReleases: 4, maxBytes: 1000, held: new Set() }
const draft = (more: Partial<ReleaseDraft> = {}): ReleaseDraft => ({
  agent: 'support',
  prompts: { system: 'be brief' },
  config: {},
  ...more,
})
const published = (...versions: readonly string[]): ReleaseState =>
  versions.reduce<ReleaseState>((state, version) => {
    const outcome = publishRelease(state, draft({ version, prompts: { system: `prompt of ${version}` } }), ASKED, LIMITS)
    if (!outcome.ok) throw new Error(outcome.detail)
    return outcome.state
  }, NO_RELEASES)
const activated = (state: ReleaseState, ...versions: readonly string[]): ReleaseState =>
  versions.reduce((s, version) => {
    const outcome = version === '<' ? rollbackRelease(s, 'support', ASKED) : activateRelease(s, 'support', version, ASKED)
    if (!outcome.ok) throw new Error(outcome.detail)
    return outcome.state
  }, state)

describe('publishing', () => {
  test('without a version the content names itself, whatever the order of its keys', () => {
    const a = publishRelease(NO_RELEASES, draft({ config: { temperature: 0, stop: ['x'] } }), ASKED, LIMITS)
    const b = publishRelease(NO_RELEASES, draft({ config: { stop: ['x'], temperature: 0 } }), ASKED, LIMITS)
    expect([a.ok && a.release.version, a.ok && a.release.hash.slice(0, 12)]).toEqual([b.ok && b.release.version, b.ok && b.release.version])
    const other = publishRelease(NO_RELEASES, draft({ config: { temperature: 1, stop: ['x'] } }), ASKED, LIMITS)
    expect(other.ok && other.release.version).not.toBe(a.ok && a.release.version)
  })
  test('the same again changes nothing and leaves no trace in the audit', () => {
    const state = published('v1')
    const again = publishRelease(state, draft({ version: 'v1', prompts: { system: 'prompt of v1' } }), { ...ASKED, now: 5 }, LIMITS)
    expect([again.ok && again.state === state, again.ok && again.entry, again.ok && again.release.publishedMs]).toEqual([
      true,
      undefined,
      ASKED.now,
    ])
  })
  test('nothing is activated by it', () => expect(activeVersion(published('v1'), 'support')).toBeUndefined())
  test('over the bound the oldest that nothing needs is forgotten', () => {
    const state = activated(published('v1', 'v2', 'v3', 'v4'), 'v1')
    const next = publishRelease(state, draft({ version: 'v5' }), ASKED, { ...LIMITS, held: new Set(['v2']) })
    expect(next.ok && [next.forgotten, [...(next.state.get('support')?.releases.keys() ?? [])], next.entry?.removed]).toEqual([
      ['v3'],
      ['v1', 'v2', 'v4', 'v5'],
      ['v3'],
    ])
  })
  test('agents do not share versions', () => {
    const state = published('v1')
    const other = publishRelease(state, draft({ agent: 'other', version: 'v1' }), ASKED, LIMITS)
    expect(other.ok && [...other.state.keys()]).toEqual(['support', 'other'])
  })
})

describe('activating and rolling back', () => {
  const state = published('v1', 'v2', 'v3')
  const cases: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ['nothing is active at first', [], undefined],
    ['the last one activated is active', ['v1', 'v3'], 'v3'],
    ['back to the one before', ['v1', 'v3', '<'], 'v1'],
    ['back twice is two back, not to and fro', ['v1', 'v2', 'v3', '<', '<'], 'v1'],
    ['after going back, a new one goes on from there', ['v1', 'v2', '<', 'v3', '<'], 'v1'],
    ['an old one activated again has the newer one before it', ['v1', 'v2', 'v1', '<'], 'v2'],
  ]
  for (const [name, steps, active] of cases) test(name, () => expect(activeVersion(activated(state, ...steps), 'support')).toBe(active))
  test('says what it was before', () => {
    const back = rollbackRelease(activated(state, 'v1', 'v2'), 'support', ASKED)
    expect(back).toMatchObject({ ok: true, active: 'v1', former: 'v2', entry: { action: 'rollback', control: 'release', target: 'v1' } })
  })
  test('to one further back: what came after it is off the stack', () => {
    const back = rollbackRelease(activated(published('v1', 'v2', 'v3'), 'v1', 'v2', 'v3'), 'support', ASKED, { from: 'v3', version: 'v1' })
    expect(back.ok && [back.active, back.former, back.state.get('support')?.activations]).toEqual(['v1', 'v3', ['v1']])
  })
  test('the audit alone leads to what is active, however often and however far', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom('v1', 'v2', 'v3', '<', '<v1', '<v2'), { maxLength: 80 }), (steps) => {
        const audit: AuditEntry[] = []
        let s = state
        for (const version of steps) {
          const to = version.length > 1 ? { from: activeVersion(s, 'support') ?? '', version: version.slice(1) } : undefined
          const outcome = version.startsWith('<') ? rollbackRelease(s, 'support', ASKED, to) : activateRelease(s, 'support', version, ASKED)
          if (!outcome.ok) continue
          s = outcome.state
          audit.push(outcome.entry)
        }
        expect(replayActivations(audit).get('support') ?? []).toEqual(s.get('support')?.activations)
        expect(s.get('support')?.activations.length).toBeLessThanOrEqual(20)
      }),
    ))
})

describe('what is refused says why', () => {
  const one = published('v1')
  const full = activated(published('v1', 'v2', 'v3', 'v4'), 'v1', 'v2', 'v3', 'v4')
  const deep = JSON.parse(`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`) as Record<string, unknown>
  const cases: readonly (readonly [string, string, () => { readonly ok: boolean }])[] = [
    ['no agent', 'no_agent', () => publishRelease(one, draft({ agent: '' }), ASKED, LIMITS)],
    ['nothing in it', 'empty_release', () => publishRelease(one, draft({ prompts: {} }), ASKED, LIMITS)],
    ['nested without end', 'too_deep', () => publishRelease(one, draft({ config: deep }), ASKED, LIMITS)],
    ['too many bytes, not characters', 'too_large', () => publishRelease(one, draft({ prompts: { s: 'é'.repeat(490) } }), ASKED, LIMITS)],
    ['other content under a version', 'version_taken', () => publishRelease(one, draft({ version: 'v1' }), ASKED, LIMITS)],
    ['all of them needed', 'too_many', () => publishRelease(full, draft({ version: 'v5' }), ASKED, LIMITS)],
    ['an agent without releases', 'unknown_agent', () => activateRelease(one, 'other', 'v1', ASKED)],
    ['rolling back an agent without releases', 'unknown_agent', () => rollbackRelease(one, 'other', ASKED)],
    ['a version nobody published', 'unknown_version', () => activateRelease(one, 'support', 'v9', ASKED)],
    ['what is active', 'already_active', () => activateRelease(activated(one, 'v1'), 'support', 'v1', ASKED)],
    ['going back from the first', 'nothing_before', () => rollbackRelease(activated(one, 'v1'), 'support', ASKED)],
    ['going back from none', 'nothing_before', () => rollbackRelease(one, 'support', ASKED)],
    [
      'going back from one that is not active any more',
      'not_active',
      () => rollbackRelease(full, 'support', ASKED, { from: 'v3', version: 'v1' }),
    ],
    ['going back to one that was never active', 'not_before', () => rollbackRelease(full, 'support', ASKED, { from: 'v4', version: 'v9' })],
    ['going back to the one that is active', 'not_before', () => rollbackRelease(full, 'support', ASKED, { from: 'v4', version: 'v4' })],
  ]
  for (const [name, because, act] of cases) test(`${name}: ${because}`, () => expect(act()).toMatchObject({ ok: false, because }))
  test('every reason has a case', () => expect(new Set(cases.map((c) => c[1]))).toEqual(new Set(RELEASE_REFUSALS)))
})

describe('the document that agents read', () => {
  test('holds the release, and by which texts the others are known', () => {
    const known = published('v1', 'v2').get('support')
    expect(known && releaseDocument(known, 'v1')).toEqual({
      agent: 'support',
      version: 'v1',
      prompts: { system: 'prompt of v1' },
      config: {},
      known: { [sha256('prompt of v1')]: 'system', [sha256('prompt of v2')]: 'system' },
    })
  })
  test('the hash is SHA-256 of the text in UTF-8', () =>
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'))
  test('an unknown version has none', () => {
    const known = published('v1').get('support')
    expect(known && releaseDocument(known, 'v9')).toBeUndefined()
  })
})

test('a difference is told by path, without the content', () => {
  const a = { agent: 's', version: '1', prompts: { system: 'a', gone: 'x' }, config: { t: 0, same: { b: 1, a: 2 } }, model: 'm' }
  const b = { agent: 's', version: '2', prompts: { system: 'b' }, config: { t: 0, same: { a: 2, b: 1 }, more: true }, model: 'n' }
  expect(diffReleases(a, b)).toEqual([
    { path: 'config.more', kind: 'added' },
    { path: 'model', kind: 'changed' },
    { path: 'prompts.gone', kind: 'removed' },
    { path: 'prompts.system', kind: 'changed' },
  ])
  expect(diffReleases(undefined, a).every((c) => c.kind === 'added')).toBe(true)
})

test('who asked is in the entry', () => {
  const asked: Asked = { actor: 'ci', reason: 'nightly', via: 'deploy', now: 7 }
  const outcome = publishRelease(NO_RELEASES, draft({ version: 'v1' }), asked, LIMITS)
  expect(outcome.ok && outcome.entry).toEqual({
    atMs: 7,
    action: 'publish',
    control: 'release',
    id: '',
    agent: 'support',
    target: 'v1',
    environment: '',
    reason: 'nightly',
    actor: 'ci',
    via: 'deploy',
  })
})
