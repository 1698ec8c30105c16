/** What to type is told so that it works where it was told. */
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { program, quoted, typed } from '../../../app/commands/typed.ts'

test('in a checkout npm has it, npx where npx started it, otherwise the PATH', () => {
  expect(program(true, { npm_command: 'exec' })).toBe('npm run -s agentopz --')
  expect(program(false, { npm_command: 'exec' })).toBe('npx agentopz')
  expect(program(false, { npm_command: 'run-script' })).toBe('agentopz')
})
test('what was asked is asked again', () => {
  expect(typed('control list', { url: 'http://127.0.0.1:9464', config: 'my files/a.yaml' })).toBe(
    "npm run -s agentopz -- control list --url http://127.0.0.1:9464 --config 'my files/a.yaml'",
  )
  expect(typed('agent enable a', { environment: 'prod' })).toBe('npm run -s agentopz -- agent enable a --environment prod')
  expect(typed('serve')).toBe('npm run -s agentopz -- serve')
})
test('any name is one word to a shell', () => {
  const words = fc.array(
    fc.string({ unit: 'binary', minLength: 1 }).filter((w) => !w.includes('\0') && w.isWellFormed()),
    { minLength: 1 },
  )
  fc.assert(
    fc.property(words, (all) => {
      const told = execFileSync('sh', ['-c', `printf '%s\\0' ${all.map(quoted).join(' ')}`]).toString()
      expect(told.split('\0').slice(0, -1)).toEqual(all)
    }),
    { numRuns: 50 },
  )
})
