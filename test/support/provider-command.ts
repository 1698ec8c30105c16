/** The provider as a command: `node test/support/provider-command.ts [--port 4010]`; ends with SIGINT or SIGTERM. */
import { parseArgs } from 'node:util'
import { startProvider } from './provider.ts'

const { values } = parseArgs({ options: { port: { type: 'string', default: '4010' } } })
const provider = await startProvider(Number(values.port))
console.log(`provider on ${provider.url}; OPENAI_BASE_URL=${provider.url}/v1 ANTHROPIC_BASE_URL=${provider.url}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void provider.close())
