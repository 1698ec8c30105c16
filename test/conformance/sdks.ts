/** The SDKs of the matrix, their module systems and versions, read from the folders; and the Node versions to run them on. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type ModuleSystem = 'esm' | 'cjs'

export interface Sdk {
  /** Its folder. */
  readonly name: string
  readonly folder: string
  readonly modules: readonly ModuleSystem[]
  /** `openai 7.57.0`; empty where no package is under test. */
  readonly version: string
  readonly installed: boolean
}

const SDKS = join(import.meta.dirname, 'sdks')
const NODES = join(import.meta.dirname, 'nodes')
const APP = { esm: 'app.mjs', cjs: 'app.cjs' } as const

/** Every SDK that has a program, by name. */
export function sdks(): readonly Sdk[] {
  return readdirSync(SDKS)
    .sort()
    .map(sdkOf)
    .filter((sdk) => sdk.modules.length > 0)
}

function sdkOf(name: string): Sdk {
  const folder = join(SDKS, name)
  const modules = (['esm', 'cjs'] as const).filter((m) => existsSync(join(folder, APP[m])))
  const { dependencies = {} } = existsSync(join(folder, 'package.json'))
    ? (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly dependencies?: Readonly<Record<string, string>> })
    : {}
  const [first] = Object.entries(dependencies)
  const installed = first === undefined || existsSync(join(folder, 'node_modules', first[0], 'package.json'))
  return { name, folder, modules, version: first === undefined ? '' : first.join(' '), installed }
}

/** Path of an SDK's program. */
export function appOf(sdk: Sdk, module: ModuleSystem): string {
  return join(sdk.folder, APP[module])
}

export interface NodeVersion {
  /** `22`, `24`, `26`; or `current`. */
  readonly name: string
  readonly binary: string
}

export const CURRENT_NODE: NodeVersion = { name: 'current', binary: process.execPath }

/** The Node versions of the matrix that are installed. */
export function nodes(): readonly NodeVersion[] {
  return readdirSync(NODES)
    .sort()
    .map((name) => ({ name, binary: join(NODES, name, 'node_modules/node/bin/node') }))
    .filter(({ binary }) => existsSync(binary))
}
