/** MCP SDK 2, CommonJS. */
const sdk = {
  ...require('@modelcontextprotocol/server'),
  ...require('@modelcontextprotocol/client'),
  ...require('@modelcontextprotocol/client/stdio'),
  z: require('zod').z,
}

async function main() {
  const { runProgram } = await import('../../shared/program.mjs')
  const { guard, scenarios } = await import('./scenarios.mjs')
  await runProgram({ scenarios: scenarios(sdk), guard: guard(sdk) })
}
main()
