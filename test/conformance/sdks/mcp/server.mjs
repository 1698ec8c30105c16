/** An MCP server over stdio, as a child process that nobody instruments: it takes the parameters that the protocol knows and no others. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js'

const server = new Server({ name: 'strict-weather', version: '1.0.0' }, { capabilities: { tools: {} } })
const inputSchema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
server.setRequestHandler(ListToolsRequestSchema, async () => ({
  tools: [{ name: 'get_weather', description: 'weather of a city', inputSchema }],
}))
server.setRequestHandler(CallToolRequestSchema, async (request) => {
  const { name, arguments: args, _meta, ...others } = request.params
  const foreign = [...Object.keys(others), ...Object.keys(args).filter((key) => key !== 'city')]
  if (foreign.length > 0 || (_meta !== undefined && typeof _meta !== 'object')) throw new McpError(-32602, `unknown: ${foreign.join()}`)
  return { content: [{ type: 'text', text: `${args.city}: 21C (${name})` }] }
})
await server.connect(new StdioServerTransport())
