/**
 * Recording rules over the past: level by level, each rule by `promtool tsdb create-blocks-from rules` at its group's interval, with what
 * the levels below recorded. Each rule's blocks are kept under the key of everything they depend on, so a changed rule costs itself and
 * what is built on it. Blocks reach the Prometheus under test as hard links: it may compact them, the kept ones stay whole.
 */
import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { mapAtOnce, run } from './processes.ts'
import type { Prometheus } from './prometheus.ts'
import type { PlannedRule } from './rule-plan.ts'

/** Largest block promtool makes; a query over it stays below the 11,000 points that Prometheus answers. */
const BLOCK_DURATION = '162h'

export interface Backfill {
  readonly prometheus: Prometheus
  readonly tsdb: string
  /** Where recorded blocks are kept. */
  readonly kept: string
  /** Promtool processes at once. */
  readonly width: number
  readonly progress: (message: string) => void
}

/** Records every planned rule; Prometheus runs and sees all of it afterwards. */
export async function backfill(rules: readonly PlannedRule[], b: Backfill): Promise<void> {
  mkdirSync(b.kept, { recursive: true })
  const levels = [...Map.groupBy(rules, (r) => r.level)].toSorted(([a], [z]) => a - z)
  let isStale = true
  for (const [level, members] of levels) {
    const missing = members.filter((r) => !existsSync(join(b.kept, r.key)))
    if (missing.length > 0) {
      if (isStale) await b.prometheus.restart()
      isStale = false
      const began = performance.now()
      const took = await mapAtOnce(missing, b.width, (r) => timed(r.rule.record, () => record(r, b)))
      b.progress(`level ${level}: ${missing.length} of ${members.length} rules recorded in ${seconds(began)}, ${slowest(took)}`)
    }
    for (const r of members) isStale = linkBlocks(join(b.kept, r.key), b.tsdb) || isStale
  }
  if (isStale) await b.prometheus.restart()
}

async function record(r: PlannedRule, b: Backfill): Promise<void> {
  const target = join(b.kept, r.key)
  // Others may be recording the same into the same directory; whoever is first is kept.
  const work = `${target}.${process.pid}.part`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  // Prometheus shifts a group's evaluations by a hash of its file and name. Rules of one group are evaluated at one moment, so that a
  // share's parts belong together: one name and one path for all keeps it so here.
  const file = join(work, 'rules.yaml')
  const rule = { ...r.rule, expr: withoutName(r.rule.expr) }
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'agentopz', interval: `${r.intervalSeconds}s`, rules: [rule] }] }))
  const options = ['-q', 'rules', `--url=${b.prometheus.url}`, `--start=${r.start}`, `--end=${r.end}`, `--output-dir=${resolve(work)}`]
  await run('promtool', ['tsdb', 'create-blocks-from', `--max-block-duration=${BLOCK_DURATION}`, ...options, 'rules.yaml'], work)
  rmSync(file)
  if (existsSync(target)) rmSync(work, { recursive: true })
  else renameSync(work, target)
}

/**
 * Branches of an `or` may carry different metric names. A rule evaluated live renames both; promtool asks for a range, gets two series that
 * become one under the recorded name, and refuses the second. Without names they are one from the start.
 */
function withoutName(expr: string): string {
  return /\bor\b/.test(expr) ? `label_replace(${expr}, "__name__", "", "", "")` : expr
}

/** Links blocks that the directory does not have yet; true when there were any. */
export function linkBlocks(from: string, tsdb: string): boolean {
  let isNew = false
  for (const block of readdirSync(from)) {
    const target = join(tsdb, block)
    if (existsSync(target)) continue
    isNew = true
    for (const path of readdirSync(join(from, block), { recursive: true, withFileTypes: true })) {
      const source = join(path.parentPath, path.name)
      const destination = source.replace(join(from, block), target)
      if (path.isDirectory()) mkdirSync(destination, { recursive: true })
      else {
        mkdirSync(path.parentPath.replace(join(from, block), target), { recursive: true })
        linkSync(source, destination)
      }
    }
  }
  return isNew
}

export interface Took {
  readonly name: string
  readonly ms: number
}

export async function timed(name: string, work: () => Promise<unknown>): Promise<Took> {
  const began = performance.now()
  await work()
  return { name, ms: performance.now() - began }
}

/** The three that took longest, for whoever wants rules to be cheap. */
export function slowest(took: readonly Took[]): string {
  const top = took.toSorted((a, b) => b.ms - a.ms).slice(0, 3)
  return `longest ${top.map((t) => `${t.name} ${(t.ms / 1000).toFixed(1)} s`).join(', ')}`
}

export function seconds(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`
}
