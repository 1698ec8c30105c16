import * as adk from '@google/adk'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const api = { ...adk, z }
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
