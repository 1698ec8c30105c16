/** Mastra, ES modules. */
import { createOpenAI } from '@ai-sdk/openai'
import { Mastra } from '@mastra/core'
import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { createStep, createWorkflow } from '@mastra/core/workflows'
import { Observability } from '@mastra/observability'
import { OtelBridge } from '@mastra/otel-bridge'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const api = { Mastra, Agent, createTool, createStep, createWorkflow, Observability, OtelBridge, openai: createOpenAI(), z }
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
