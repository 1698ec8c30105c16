/**
 * The whole matrix: every SDK in every module system on the given Nodes, both ways and under guards, a few at a time. Every program has a
 * provider and a sink of its own. A program whose SDK is not installed is a finding, not a gap.
 */
import { startProvider } from '../support/provider.ts'
import { conform, type Conformance, type Finding } from './conform.ts'
import { checkGuards } from './guards.ts'
import { hasInstrumentation } from './program-run.ts'
import { type ModuleSystem, type NodeVersion, type Sdk, sdks } from './sdks.ts'
import { startSink } from './sink.ts'

export interface Cell {
  readonly sdk: Sdk
  readonly module: ModuleSystem
  readonly node: NodeVersion
}

export interface CellResult extends Cell, Pick<Conformance, 'broken' | 'behaviour' | 'spans'> {
  readonly scenarios: number
  /** Undefined where the program has no endless loop to end. */
  readonly guards: readonly Finding[] | undefined
}

/** Programs that run at once: they mostly wait. */
const AT_ONCE = 3

export function cellsOn(nodes: readonly NodeVersion[]): readonly Cell[] {
  return nodes.flatMap((node) => sdks().flatMap((sdk) => sdk.modules.map((module) => ({ sdk, module, node }))))
}

/** Starts working through the cells; each has its own promise. */
export function runCells(cells: readonly Cell[]): ReadonlyMap<Cell, Promise<CellResult>> {
  const free = Array.from({ length: AT_ONCE }, () => Promise.resolve())
  return new Map(
    cells.map((cell, i) => {
      const lane = i % AT_ONCE
      const done = (free[lane] ?? Promise.resolve()).then(() => runCell(cell))
      free[lane] = done.then(
        () => undefined,
        () => undefined,
      )
      return [cell, done]
    }),
  )
}

async function runCell(cell: Cell): Promise<CellResult> {
  if (!cell.sdk.installed) {
    const problem = `${cell.sdk.version} is not installed: sh scripts/setup-test-deps.sh`
    return { ...cell, scenarios: 0, broken: [{ scenario: '', problem }], behaviour: [], spans: undefined, guards: undefined }
  }
  const bench = { provider: await startProvider(), sink: await startSink() }
  try {
    const { bare, broken, behaviour, spans } = await conform(cell, bench)
    const guards = broken.length === 0 && hasInstrumentation() ? await checkGuards(cell, bench) : undefined
    return { ...cell, scenarios: bare.marks.length, broken, behaviour, spans, guards }
  } finally {
    await bench.provider.close()
    await bench.sink.close()
  }
}
