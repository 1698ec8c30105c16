/** Agent names that may become a label (R2). */
import type { Reading } from '../../model/run.ts'

/** Ids that some frameworks write where a name belongs: UUIDs and long hex strings never become a label. */
const ID_LIKE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$|^[0-9a-f]{24,}$/i

const SHORTEST_ID = 24

/** The name on a span; undefined where there is none, or an id in its place. */
export function agentNameOf(reading: Reading): string | undefined {
  const name = reading.agentName?.trim()
  return name === undefined || name === '' || (name.length >= SHORTEST_ID && ID_LIKE.test(name)) ? undefined : name
}
