/** The Node that package.json asks for is one that every package it installs takes; npm warns of EBADENGINE otherwise. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Locked {
  readonly dev?: boolean
  readonly engines?: { readonly node?: string }
}

const TOP = join(import.meta.dirname, '../..')
const { packages } = JSON.parse(readFileSync(join(TOP, 'package-lock.json'), 'utf8')) as { readonly packages: Record<string, Locked> }

/** Major, minor and patch as one number that sorts; none where the range is more than a lower bound. */
function atLeast(range: string | undefined): number | undefined {
  const [, major, minor = '0', patch = '0'] = /^>=\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(range ?? '') ?? []
  return major === undefined ? undefined : (Number(major) * 1000 + Number(minor)) * 1000 + Number(patch)
}

test('no package that is installed with it asks for a newer Node', () => {
  const { engines } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as Locked
  const ours = atLeast(engines?.node) ?? 0
  const installed = Object.entries(packages).filter(([path, p]) => path !== '' && p.dev !== true)
  expect(installed.length).toBeGreaterThan(20)
  expect(installed.filter(([, p]) => (atLeast(p.engines?.node) ?? 0) > ours).map(([path]) => path)).toEqual([])
  expect(packages['']?.engines).toEqual(engines)
})
