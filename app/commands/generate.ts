/** `agentopz generate`: writes the files that are made from tables and schemas, or tells which are not up to date. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { GENERATED_DOCS } from '../generate-docs.ts'
import { say } from './output.ts'

/** Writes or checks; returns the exit code. Paths are relative to where it runs: the repository's root. */
export function generate(check: boolean): number {
  let stale = 0
  for (const [path, make] of Object.entries(GENERATED_DOCS)) {
    const file = resolve(path)
    const wanted = make()
    if (read(file) === wanted) continue
    stale++
    if (check) say(`${path} is not what the generator writes; run: npm run generate`)
    else {
      writeFileSync(file, wanted)
      say(`${path} written`)
    }
  }
  if (stale === 0) say(`${Object.keys(GENERATED_DOCS).length} generated files are up to date`)
  return check && stale > 0 ? 1 : 0
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
