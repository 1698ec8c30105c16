/** Vercel AI SDK 6, CommonJS. */
const { createAnthropic } = require('@ai-sdk/anthropic')
const { createOpenAI } = require('@ai-sdk/openai')
const ai = require('ai')
const { z } = require('zod')

async function main() {
  const { guard, scenarios } = await import('../../shared/ai.mjs')
  const { runProgram } = await import('../../shared/program.mjs')
  const api = { ai, createAnthropic, createOpenAI, z }
  await runProgram({ scenarios: scenarios(api, 6), guard: guard(api, 6) })
}
main()
