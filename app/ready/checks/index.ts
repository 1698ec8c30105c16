/** Every check of readiness, in the order they are shown: a new one is a file here and a line below. Weights add up to 100. */
import type { ReadinessCheck } from '../check.ts'
import { baseline } from './baseline.ts'
import { drill } from './drill.ts'
import { evaluations } from './evaluations.ts'
import { fallback } from './fallback.ts'
import { guards } from './guards.ts'
import { objectives } from './objectives.ts'
import { release } from './release.ts'
import { routing } from './routing.ts'
import { rules } from './rules.ts'
import { runbook } from './runbook.ts'
import { webhook } from './webhook.ts'

export const READINESS_CHECKS: readonly ReadinessCheck[] = [
  objectives,
  baseline,
  evaluations,
  rules,
  routing,
  webhook,
  runbook,
  fallback,
  release,
  guards,
  drill,
]
