/**
 * The cheapest HTTP that can drive a server and swallow what it sends on: requests are prepared bytes, answers are read for their status only.
 * A full client would need more processor than the servers measured, and what it costs would be taken for theirs.
 */
import { createServer, type Server, type Socket } from 'node:net'

/** Cuts a stream of HTTP/1.1 messages: calls `each` with the head and the length of the body of every one that is complete. */
export class Messages {
  #head = ''
  #left = 0
  #chunked = false
  #tail = ''
  #length = 0
  readonly #each: (head: string, bodyBytes: number) => void

  constructor(each: (head: string, bodyBytes: number) => void) {
    this.#each = each
  }

  push(data: Buffer): void {
    let at = 0
    while (at < data.length) at = this.#left > 0 ? this.#skip(data, at) : this.#chunked ? this.#chunk(data, at) : this.#headOf(data, at)
  }

  #skip(data: Buffer, at: number): number {
    const taken = Math.min(this.#left, data.length - at)
    this.#left -= taken
    if (this.#left === 0 && !this.#chunked) this.#end()
    return at + taken
  }

  #headOf(data: Buffer, at: number): number {
    const before = this.#head.length
    this.#head += data.toString('latin1', at, Math.min(data.length, at + 16_384))
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return data.length
    const next = at + end + 4 - before
    this.#head = this.#head.slice(0, end)
    this.#chunked = /\r\ntransfer-encoding: *chunked/i.test(this.#head)
    this.#length = this.#left = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head)?.[1] ?? 0)
    if (this.#left === 0 && !this.#chunked) this.#end()
    return next
  }

  /** Reads one chunk's size line; the chunk and the line end after it are skipped. */
  #chunk(data: Buffer, at: number): number {
    const end = data.indexOf('\n', at)
    this.#tail += data.toString('latin1', at, end < 0 ? data.length : end + 1)
    if (end < 0) return data.length
    const size = Number.parseInt(this.#tail, 16)
    this.#tail = ''
    this.#length += size
    this.#left = size + 2
    if (size === 0) this.#chunked = false
    return end + 1
  }

  #end(): void {
    const head = this.#head
    this.#head = ''
    this.#each(head, this.#length)
  }
}

const OK = Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n')

export interface Sink {
  readonly server: Server
  requests: number
  bytes: number
}

/** A server that answers 200 to everything and counts it. */
export async function startSink(port: number): Promise<Sink> {
  const server = createServer({ noDelay: true }, (socket) => {
    const messages = new Messages((_, bytes) => {
      sink.requests++
      sink.bytes += bytes
      socket.write(OK)
    })
    socket.on('data', (data: Buffer) => messages.push(data))
    socket.on('error', () => socket.destroy())
  })
  const sink: Sink = { server, requests: 0, bytes: 0 }
  await new Promise<void>((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done))
  return sink
}

/** Sends prepared requests over one connection, one at a time. */
export class Sender {
  readonly #socket: Socket
  #waiting: ((status: number) => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    const messages = new Messages((head) => this.#answer(Number(head.slice(9, 12))))
    socket.on('data', (data: Buffer) => messages.push(data))
    socket.on('error', () => this.#answer(0))
    socket.on('close', () => this.#answer(0))
  }

  #answer(status: number): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(status)
  }

  /** The status of the answer, 0 where the connection broke. */
  send(request: Buffer): Promise<number> {
    return new Promise((done) => {
      this.#waiting = done
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
