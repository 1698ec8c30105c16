/** Every route of the control plane, by what it is about. */
import type { Hono } from 'hono'
import { type ControlRouteParts, controlRoutes } from './control-routes.ts'
import { type FlagRouteParts, flagRoutes } from './flag-routes.ts'
import { type ReleaseRouteParts, releaseRoutes } from './release-routes.ts'

export interface ControlPlaneParts extends ControlRouteParts, ReleaseRouteParts, FlagRouteParts {}

/** Adds the routes. */
export function controlPlaneRoutes(app: Hono, parts: ControlPlaneParts): void {
  controlRoutes(app, parts)
  releaseRoutes(app, parts)
  flagRoutes(app, parts)
}
