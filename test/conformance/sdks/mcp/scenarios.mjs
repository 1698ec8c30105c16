import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chat, MODEL, guard as guardOf, scenarios as scenariosOf } from '../../shared/mcp.mjs'

/** A weather server with a tool for every way a tool can end. */
function weatherServer({ McpServer, McpError, z }, seen = []) {
  const server = new McpServer({ name: 'weather', version: '1.0.0' }, { capabilities: { logging: {} } })
  const city = { city: z.string() }
  const text = (value) => ({ content: [{ type: 'text', text: value }] })
  server.registerTool('get_weather', { description: 'weather of a city', inputSchema: city }, async (args) => text(`${args.city}: 21C`))
  server.registerTool('boom', { description: 'fails', inputSchema: city }, async () => {
    throw new Error('tool exploded')
  })
  server.registerTool('refuse', { description: 'fails by protocol', inputSchema: city }, async () => {
    throw new McpError(-32602, 'not for you')
  })
  server.registerTool('nothing', { description: 'answers nothing', inputSchema: city }, async () => ({ content: [] }))
  server.registerTool(
    'structured',
    { description: 'answers with structure', inputSchema: city, outputSchema: { degrees: z.number() } },
    async () => ({ content: [{ type: 'text', text: '{"degrees":21}' }], structuredContent: { degrees: 21 } }),
  )
  server.registerTool('count', { description: 'reports progress', inputSchema: city }, async (_args, extra) => {
    const { progressToken } = extra._meta ?? {}
    for (const progress of [1, 2, 3])
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 3 } })
    return text('counted')
  })
  server.registerTool('slow', { description: 'takes its time', inputSchema: city }, async (_args, { signal }) => {
    await sleep(1000, undefined, { signal }).catch(() => seen.push(`aborted: ${signal.reason}`))
    return text('late')
  })
  server.registerTool('meta', { description: 'tells what it was told', inputSchema: city }, async (_args, extra) => {
    const own = Object.entries(extra._meta ?? {}).filter(([key]) => key !== 'traceparent' && key !== 'tracestate')
    return text(JSON.stringify(Object.fromEntries(own)))
  })
  server.registerTool('ask_model', { description: 'asks the model of its client', inputSchema: city }, async (args) => {
    const messages = [{ role: 'user', content: { type: 'text', text: `weather in ${args.city}?` } }]
    const answer = await server.server.createMessage({ messages, maxTokens: 50 })
    return text(answer.content.text)
  })
  server.registerPrompt('greet', { argsSchema: { who: z.string() } }, ({ who }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `hello ${who}` } }],
  }))
  server.registerResource('readme', 'docs://readme', {}, async (uri) => ({ contents: [{ uri: uri.href, text: 'read me' }] }))
  return server
}

const newClient = ({ Client }) => new Client({ name: 'agent', version: '1.0.0' }, { capabilities: { sampling: {} } })

/** Client and server in one process. */
async function inMemory(sdk, seen = []) {
  const [left, right] = sdk.InMemoryTransport.createLinkedPair()
  const server = weatherServer(sdk, seen)
  const client = newClient(sdk)
  client.setRequestHandler(sdk.CreateMessageRequestSchema, async (request) => ({
    role: 'assistant',
    model: MODEL,
    content: { type: 'text', text: (await chat([{ role: 'user', content: request.params.messages[0].content.text }])).content },
  }))
  await Promise.all([server.connect(left), client.connect(right)])
  return { client, server, close: () => client.close() }
}

async function overHttp(sdk) {
  const open = []
  const http = createServer(async (request, response) => {
    const transport = new sdk.StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
    const server = weatherServer(sdk)
    open.push(server)
    await server.connect(transport)
    await transport.handleRequest(request, response)
  })
  await new Promise((done) => http.listen(0, '127.0.0.1', done))
  const client = newClient(sdk)
  await client.connect(new sdk.StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${http.address().port}/mcp`)))
  const close = async () => {
    await client.close()
    for (const server of open) await server.close()
    http.closeAllConnections()
    await new Promise((done) => http.close(done))
  }
  return { client, close }
}

async function overStdio(sdk) {
  const client = newClient(sdk)
  const args = [fileURLToPath(new URL('server.mjs', import.meta.url))]
  await client.connect(new sdk.StdioClientTransport({ command: process.execPath, args }))
  return { client, close: () => client.close() }
}

const kit = (sdk) => ({
  newClient: () => newClient(sdk),
  inMemory: (seen) => inMemory(sdk, seen),
  overHttp: () => overHttp(sdk),
  overStdio: () => overStdio(sdk),
  call: (client, name, options) => client.callTool({ name, arguments: { city: 'Paris' } }, undefined, options),
  request: (client, request) => client.request(request, sdk.CallToolResultSchema),
  unknownMethod: (client) => client.request({ method: 'weather/guess', params: {} }, sdk.EmptyResultSchema),
  onNotification: (client, tell) => {
    client.setNotificationHandler(sdk.LoggingMessageNotificationSchema, (n) => tell(n.params))
    client.setNotificationHandler(sdk.ToolListChangedNotificationSchema, (n) => tell(n.method))
  },
})

export const scenarios = (sdk) => scenariosOf(kit(sdk))
export const guard = (sdk) => guardOf(kit(sdk))
