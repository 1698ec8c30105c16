/** The boards, in the order they are offered. A new one is a file and a line here. */
import { agentBoard } from './agent.ts'
import type { Board } from './board.ts'
import { cost } from './cost.ts'
import { fleet } from './fleet.ts'
import { incident } from './incident.ts'
import { processor } from './processor.ts'

export const BOARDS: readonly Board[] = [fleet, agentBoard, incident, cost, processor]
