/** MCP SDK 1, CommonJS. */
const sdk = {
  ...require('@modelcontextprotocol/sdk/client/index.js'),
  ...require('@modelcontextprotocol/sdk/client/stdio.js'),
  ...require('@modelcontextprotocol/sdk/client/streamableHttp.js'),
  ...require('@modelcontextprotocol/sdk/inMemory.js'),
  ...require('@modelcontextprotocol/sdk/server/index.js'),
  ...require('@modelcontextprotocol/sdk/server/mcp.js'),
  ...require('@modelcontextprotocol/sdk/server/streamableHttp.js'),
  ...require('@modelcontextprotocol/sdk/types.js'),
  z: require('zod').z,
}

async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  await runProgram({ scenarios: scenarios(sdk), guard: guard(sdk) })
}
main()
