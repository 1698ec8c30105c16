/** Boards → the Grafana files under dashboards/grafana/, one per board, named by uid. Same input, same text. */
import { dashboardOf, UIDS } from '../dashboards/board.ts'
import { BOARDS } from '../dashboards/index.ts'

/** Files by path from the top of the repository. */
export const DASHBOARD_FILES: Readonly<Record<string, () => string>> = Object.fromEntries(
  BOARDS.map((board) => [`dashboards/grafana/${UIDS[board.name]}.json`, () => `${JSON.stringify(dashboardOf(board), undefined, 2)}\n`]),
)
