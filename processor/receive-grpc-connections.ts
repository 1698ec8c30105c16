/**
 * How long connections of gRPC stay, and how all of them end. node:http2 has no limits of time: in are a server and its bounds, out is only
 * that no peer holds a connection or a call for as long as it likes, by saying nothing, by bytes now and then, or by not reading what it asked
 * for.
 */
import type { Http2SecureServer, Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { ReceiveLimits } from './receive.ts'

/** Until a connection has begun, TLS included; node:http gives that to headers. */
const BEGIN_MS = 15_000
const LINGER_MS = 2000

export function beginMs({ requestTimeoutSeconds }: ReceiveLimits): number {
  return Math.min(BEGIN_MS, requestTimeoutSeconds * 1000)
}

/** Ends a call some time after its answer: it may not be fetched, or the rest of the body may never end. */
export function endInTime(stream: ServerHttp2Stream, { requestTimeoutSeconds }: ReceiveLimits): void {
  if (stream.destroyed) return
  const timer = setTimeout(() => stream.destroy(), requestTimeoutSeconds * 1000)
  stream.once('close', () => clearTimeout(timer))
}

export interface Connections {
  /** Takes no more calls; ends when those under way are answered, after `graceMs` in any case. `closed` is when the server is. */
  close(closed: Promise<void>, graceMs: number): Promise<void>
}

export function watchConnections(server: Http2Server | Http2SecureServer, limits: ReceiveLimits): Connections {
  const sessions = new Set<ServerHttp2Session>()
  // A socket outlives its session until its peer closes it, which it may never do.
  const sockets = new Set<Socket>()
  let calls = 0
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.on('stream', (stream) => {
      calls++
      stream.once('close', () => calls--)
    })
    endWhenIdle(session, limits)
  })
  return {
    close: async (closed, graceMs) => {
      for (const session of sessions) session.close()
      const cut = (): void => {
        for (const session of sessions) session.destroy()
        for (const socket of sockets) socket.destroy()
      }
      const idle = setInterval(() => calls === 0 && cut(), LINGER_MS)
      const timer = setTimeout(cut, graceMs)
      await closed
      clearInterval(idle)
      clearTimeout(timer)
    },
  }
}

/** Bytes alone do not count: of headers one could come now and then for ever. What only pings for so long is told to come again. */
function endWhenIdle(session: ServerHttp2Session, limits: ReceiveLimits): void {
  let calls = 0
  let timer: NodeJS.Timeout | undefined
  const wait = (ms: number, then: () => void): void => {
    clearTimeout(timer)
    timer = setTimeout(() => calls === 0 && then(), ms)
  }
  const leave = (): void => {
    // Not by close(): that leaves the socket to its peer.
    session.goaway()
    wait(LINGER_MS, () => session.destroy())
  }
  const idle = (): void => {
    if (calls === 0 && !session.destroyed) wait(limits.grpcIdleSeconds * 1000, leave)
  }
  wait(beginMs(limits), () => session.destroy())
  session.once('remoteSettings', idle)
  session.on('stream', (stream) => {
    calls++
    stream.once('close', () => {
      calls--
      idle()
    })
  })
  session.once('close', () => clearTimeout(timer))
}
