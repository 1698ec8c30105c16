/** Mastra, CommonJS. */
const { createOpenAI } = require('@ai-sdk/openai')
const { Mastra } = require('@mastra/core')
const { Agent } = require('@mastra/core/agent')
const { createTool } = require('@mastra/core/tools')
const { createStep, createWorkflow } = require('@mastra/core/workflows')
const { Observability } = require('@mastra/observability')
const { OtelBridge } = require('@mastra/otel-bridge')
const { z } = require('zod')

async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  const api = { Mastra, Agent, createTool, createStep, createWorkflow, Observability, OtelBridge, openai: createOpenAI(), z }
  await runProgram({ scenarios: scenarios(api), guard: guard(api) })
}
main()
