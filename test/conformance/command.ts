/** `npm run conformance`: the matrix on every Node, and docs/conformance.md. Exit 1 when anything is wrong; the document is written anyway. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cellsOn, runCells } from './matrix.ts'
import { conformanceDoc } from './report.ts'
import { nodes, sdks } from './sdks.ts'

const DOC = join(import.meta.dirname, '../../docs/conformance.md')

const versions = nodes()
if (versions.length === 0) {
  console.error('no Node version is installed: node test/conformance/install.ts nodes')
  process.exit(2)
}
const cells = cellsOn(versions)
const running = runCells(cells)
const results = []
let wrong = 0
for (const [cell, promise] of running) {
  const r = await promise
  const found = r.broken.length + r.behaviour.length + (r.spans?.length ?? 0) + (r.guards?.length ?? 0)
  wrong += found
  results.push(r)
  console.log(
    `${results.length}/${cells.length} ${cell.sdk.name} ${cell.module} on Node ${cell.node.name}: ${found === 0 ? 'as it should be' : `${found} wrong`}`,
  )
}
writeFileSync(DOC, conformanceDoc(results, sdks()))
console.log(`${wrong} wrong; docs/conformance.md is written`)
process.exitCode = wrong === 0 ? 0 : 1
