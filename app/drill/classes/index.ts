/** The classes of drills, in the order of the report. A new class is one file and one line. */
import type { DrillClass } from '../drill-class.ts'
import { costRunaway } from './cost-runaway.ts'
import { fallbackRehearsal } from './fallback-rehearsal.ts'
import { inputDrift } from './input-drift.ts'
import { loop } from './loop.ts'
import { modelAnnounced } from './model-announced.ts'
import { modelUnannounced } from './model-unannounced.ts'
import { overlapping } from './overlapping.ts'
import { promptRegression } from './prompt-regression.ts'
import { refusalSpike } from './refusal-spike.ts'
import { rollbackRehearsal } from './rollback-rehearsal.ts'
import { silentAgent } from './silent-agent.ts'
import { toolEmpty } from './tool-empty.ts'
import { toolFailing } from './tool-failing.ts'
import { toolSchema } from './tool-schema.ts'
import { truncation } from './truncation.ts'

export const DRILLS: readonly DrillClass[] = [
  promptRegression,
  toolFailing,
  toolEmpty,
  toolSchema,
  modelAnnounced,
  modelUnannounced,
  inputDrift,
  refusalSpike,
  truncation,
  loop,
  costRunaway,
  silentAgent,
  rollbackRehearsal,
  fallbackRehearsal,
  overlapping,
]
