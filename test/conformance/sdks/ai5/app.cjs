/** Vercel AI SDK 5, CommonJS. */
const { createAnthropic } = require('@ai-sdk/anthropic')
const { createOpenAI } = require('@ai-sdk/openai')
const ai = require('ai')
const { z } = require('zod')

async function main() {
  const { guard, scenarios } = await import('../../shared/ai.mjs')
  const { runProgram } = await import('../../shared/program.mjs')
  const api = { ai, createAnthropic, createOpenAI, z }
  await runProgram({ scenarios: scenarios(api, 5), guard: guard(api, 5) })
}
main()
