/**
 * Installs what the conformance matrix runs: `node test/conformance/install.ts` the SDKs, `… install.ts nodes` the Node versions.
 * Every folder in sdks/ and nodes/ is an install root with a lockfile of its own, so that an SDK sees exactly the packages its users get:
 * one shared tree would give all of them one copy of @opentelemetry/api, and which copy that is decides whether spans are lost.
 * A root is installed when it never was or its lockfile changed since; two at a time.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Written into node_modules after a complete installation. */
const MARK = join('node_modules', '.agentopz-lock')
const AT_ONCE = 2

const lockOf = (root: string): string =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')

function isCurrent(root: string): boolean {
  const mark = join(root, MARK)
  return existsSync(mark) && readFileSync(mark, 'utf8') === lockOf(root)
}

/** The install roots in sdks/ (and examples/) or nodes/ that are missing or outdated. */
export function outdated(kind: 'sdks' | 'nodes'): readonly string[] {
  // The example agents are install roots too: tests run them as their README section says.
  const folders = [join(import.meta.dirname, kind), ...(kind === 'sdks' ? [join(import.meta.dirname, '../../examples')] : [])]
  return folders
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((root) => existsSync(join(root, 'package-lock.json')) && !isCurrent(root))
}

async function install(root: string, scripts: boolean): Promise<void> {
  // The node package fetches its binary in an install script; no SDK here needs one.
  const flags = [scripts ? '--ignore-scripts=false' : '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error']
  await run('npm', ['ci', ...flags], { cwd: root })
  writeFileSync(join(root, MARK), lockOf(root))
}

/** Installs them all; the first failure is thrown after the others are done. */
async function installAll(kind: 'sdks' | 'nodes'): Promise<void> {
  const roots = [...outdated(kind)]
  if (roots.length === 0) return
  console.log(`installing ${roots.length} of test/conformance/${kind} …`)
  const next = async (): Promise<void> => {
    for (let root = roots.shift(); root !== undefined; root = roots.shift()) await install(root, kind === 'nodes')
  }
  const done = await Promise.allSettled(Array.from({ length: AT_ONCE }, next))
  for (const d of done) if (d.status === 'rejected') throw d.reason
}

if (import.meta.main) await installAll(process.argv[2] === 'nodes' ? 'nodes' : 'sdks')
