/** LangChain.js and LangGraph, CommonJS. */
const api = {
  ...require('@langchain/core/language_models/chat_models'),
  ...require('@langchain/core/messages'),
  ...require('@langchain/core/output_parsers'),
  ...require('@langchain/core/outputs'),
  ...require('@langchain/core/prompts'),
  ...require('@langchain/core/retrievers'),
  ...require('@langchain/core/runnables'),
  ...require('@langchain/core/tools'),
  ...require('@langchain/langgraph'),
  ...require('@langchain/langgraph/prebuilt'),
  ...require('@langchain/anthropic'),
  ...require('@langchain/openai'),
  ...require('langchain'),
  ...require('zod'),
}

async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  await runProgram({ scenarios: scenarios(api), guard: guard(api) })
}
main()
