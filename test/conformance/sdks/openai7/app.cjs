/** OpenAI SDK 7, CommonJS. */
const { OpenAI } = require('openai')
const { zodResponseFormat, zodTextFormat } = require('openai/helpers/zod')
const { z } = require('zod')

async function main() {
  const { guard, scenarios } = await import('../../shared/openai.mjs')
  const { runProgram } = await import('../../shared/program.mjs')
  const api = { OpenAI, zodResponseFormat, zodTextFormat, z }
  await runProgram({ scenarios: scenarios(api, 7), guard: guard(api) })
}
main()
