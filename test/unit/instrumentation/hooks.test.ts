import { expect, test } from 'vitest'
import { placeOf } from '../../../instrumentation/hooks.ts'

const cases: readonly (readonly [path: string, is: ReturnType<typeof placeOf>])[] = [
  ['/app/node_modules/openai/index.mjs', { package: 'openai', file: 'index.mjs' }],
  ['/app/node_modules/@opentelemetry/api/build/src/index.js', { package: '@opentelemetry/api', file: 'build/src/index.js' }],
  ['/app/node_modules/a/node_modules/@b/c/d.js', { package: '@b/c', file: 'd.js' }],
  ['/app/node_modules/.pnpm/openai@6.0.0_zod@4/node_modules/openai/core/x.js', { package: 'openai', file: 'core/x.js' }],
  ['C:/app/node_modules/openai/index.js', { package: 'openai', file: 'index.js' }],
  ['/app/src/index.js', undefined],
  ['/app/my_node_modules_backup/x.js', undefined],
  ['', undefined],
]
test.each(cases)('%s', (path, is) => expect(placeOf(path)).toEqual(is))
