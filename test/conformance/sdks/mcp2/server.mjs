/** An MCP server over stdio, as a child process that nobody instruments: it takes the parameters that the protocol knows and no others. */
import { ProtocolError, Server } from '@modelcontextprotocol/server'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'

const server = new Server({ name: 'strict-weather', version: '1.0.0' }, { capabilities: { tools: {} } })
const inputSchema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
server.setRequestHandler('tools/list', async () => ({
  tools: [{ name: 'get_weather', description: 'weather of a city', inputSchema }],
}))
server.setRequestHandler('tools/call', async (request) => {
  const { name, arguments: args, _meta, ...others } = request.params
  const foreign = [...Object.keys(others), ...Object.keys(args).filter((key) => key !== 'city')]
  if (foreign.length > 0 || (_meta !== undefined && typeof _meta !== 'object'))
    throw new ProtocolError(-32602, `unknown: ${foreign.join()}`)
  return { content: [{ type: 'text', text: `${args.city}: 21C (${name})` }] }
})
await server.connect(new StdioServerTransport())
