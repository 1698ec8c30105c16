/**
 * The services around the agents: web requests of 4 to 11 spans, servers, clients and database calls, with the attributes that the
 * HTTP and database conventions give them. None of it is GenAI.
 */
import type { Attributes, Source, SpanSketch } from './source.ts'

/** One web request: servers, clients and database calls under one root. */
export function requestOf(s: Source): SpanSketch[] {
  const traceId = s.id(16)
  const root = s.id(8)
  let at = s.tick() + BigInt(s.n(1e9))
  return Array.from({ length: 4 + s.n(8) }, (_, i): SpanSketch => {
    const startNs = at
    const endNs = at + BigInt(1e6 + s.n(5e7))
    at = endNs
    const ids = { traceId, spanId: i === 0 ? root : s.id(8), parentSpanId: i === 0 ? undefined : root, startNs, endNs }
    const pod: Attributes = {
      'k8s.pod.ip': `10.0.${s.n(255)}.${s.n(255)}`,
      'thread.id': 1 + s.n(64),
      'thread.name': `http-nio-8080-exec-${s.n(64)}`,
    }
    if (i % 2 === 1) return { ...ids, name: 'SELECT shop.orders', kind: 3, attributes: { ...queryOf(s), ...pod } }
    const code = s.chance(0.03) ? 500 : 200
    return {
      ...ids,
      name: 'GET /api/v1/orders/{id}',
      kind: i === 0 ? 2 : 3,
      attributes: { ...httpOf(s, code), ...pod },
      ...(code === 500 ? { error: 'internal' } : {}),
    }
  })
}

function queryOf(s: Source): Attributes {
  return {
    'db.system.name': 'postgresql',
    'db.namespace': 'shop',
    'db.operation.name': 'SELECT',
    'db.collection.name': 'orders',
    'db.query.text':
      'SELECT id, customer_id, total, created_at FROM orders WHERE customer_id = $1 AND status = $2 ORDER BY created_at DESC LIMIT 50',
    'db.query.summary': 'SELECT orders',
    'server.address': `pg-${s.n(4)}.internal`,
    'server.port': 5432,
    'network.peer.address': `10.1.${s.n(255)}.${s.n(255)}`,
    'network.peer.port': 5432,
    'db.response.returned_rows': s.n(50),
  }
}

function httpOf(s: Source, code: number): Attributes {
  return {
    'http.request.method': 'GET',
    'http.response.status_code': code,
    'http.route': '/api/v1/orders/{id}',
    'url.path': `/api/v1/orders/${s.n(1e7)}`,
    'url.scheme': 'https',
    'url.query': `expand=items&trace=${s.hex(4)}`,
    'server.address': 'orders.shop.internal',
    'server.port': 8443,
    'client.address': `10.2.${s.n(255)}.${s.n(255)}`,
    'network.peer.address': `10.3.${s.n(255)}.${s.n(255)}`,
    'network.peer.port': 30_000 + s.n(30_000),
    'network.protocol.version': '1.1',
    'user_agent.original': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
    'http.request.body.size': s.n(2000),
    'http.response.body.size': s.n(20_000),
  }
}
