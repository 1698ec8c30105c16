/** Strands Agents, ES modules. */
import { Agent, Graph, tool } from '@strands-agents/sdk'
import { OpenAIModel } from '@strands-agents/sdk/models/openai'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const api = { Agent, Graph, OpenAIModel, tool, z }
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
