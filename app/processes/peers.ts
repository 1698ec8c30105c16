/**
 * The other processes as one of them sees them: a socket of its own that they send to, and a connection to each, made when it is first
 * needed and again after it broke. Every question is answered or refused; a process that is not there refuses.
 * The folder of the sockets is this user's alone.
 */
import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { encodeFrame, type Frame, FrameReader, idAfter } from './frames.ts'
import type { ShardPlace } from './messages.ts'

export type Question = Omit<Frame, 'id'>
/** Answers what another process asks; what it throws is answered as a refusal. */
export type Door = (question: Frame) => Promise<Question>

/** The other process is not there, or went away before it answered. */
export class PeerGone extends Error {
  override readonly name = 'PeerGone'
}

/** So that a sender is told to come back before it gives up: most exporters do after 10 s. */
const ANSWER_MS = 8000

export class Peers {
  readonly #place: ShardPlace
  readonly #links = new Map<number, Link>()
  readonly #open = new Set<Socket>()
  readonly #answerMs: number
  #server: Server | undefined

  constructor(place: ShardPlace, answerMs = ANSWER_MS) {
    this.#place = place
    this.#answerMs = answerMs
  }

  /** Lets the others in. */
  async listen(door: Door, failed: (error: unknown) => void): Promise<void> {
    const path = join(this.#place.sockets, String(this.#place.index))
    // Left by the process before, which was killed.
    rmSync(path, { force: true })
    const server = createServer((socket) => this.#serve(socket, door, failed))
    await new Promise<void>((done, refuse) => {
      server.once('error', refuse)
      // Exclusive: not handed to the first process, which shares the ports.
      server.listen({ path, exclusive: true }, done)
    })
    server.on('error', failed)
    this.#server = server
  }

  /** @throws PeerGone */
  async ask(index: number, question: Question): Promise<Frame> {
    let link = this.#links.get(index)
    if (link === undefined || link.isBroken)
      this.#links.set(index, (link = new Link(join(this.#place.sockets, String(index)), this.#answerMs)))
    return await link.ask(question)
  }

  close(): void {
    this.#server?.close()
    for (const socket of this.#open) socket.destroy()
    for (const link of this.#links.values()) link.close()
  }

  #serve(socket: Socket, door: Door, failed: (error: unknown) => void): void {
    const frames = new FrameReader()
    this.#open.add(socket)
    socket.on('close', () => this.#open.delete(socket))
    socket.on('error', () => undefined)
    const answer = async (frame: Frame): Promise<void> => {
      const reply = await door(frame)
      for (const piece of encodeFrame({ ...reply, id: frame.id })) if (piece.length > 0) socket.write(piece)
    }
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of frames.push(chunk)) answer(frame).catch(failed)
      } catch (error) {
        failed(error)
        socket.destroy()
      }
    })
  }
}

interface Waiting {
  readonly answer: (frame: Frame) => void
  readonly refuse: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

class Link {
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  readonly #answerMs: number
  #next = 1
  #heardMs = 0
  isBroken = false

  constructor(path: string, answerMs: number) {
    this.#answerMs = answerMs
    const frames = new FrameReader()
    const socket = (this.#socket = connect(path))
    socket.on('error', () => this.close())
    socket.on('close', () => this.close())
    socket.on('data', (chunk: Buffer) => {
      this.#heardMs = performance.now()
      try {
        for (const frame of frames.push(chunk)) this.#settle(frame.id)?.answer(frame)
      } catch {
        this.close()
      }
    })
  }

  ask(question: Question): Promise<Frame> {
    const id = this.#next
    this.#next = idAfter(id)
    const askedMs = performance.now()
    return new Promise((answer, refuse) => {
      const late = (): void => {
        this.#settle(id)?.refuse(new PeerGone('another process did not answer'))
        // It says nothing at all: what it was sent would stay here until it reads again, long after it was refused.
        if (this.#heardMs < askedMs) this.close()
      }
      const timer = setTimeout(late, this.#answerMs)
      this.#waiting.set(id, { answer, refuse, timer })
      this.#socket.cork()
      for (const piece of encodeFrame({ ...question, id })) if (piece.length > 0) this.#socket.write(piece)
      this.#socket.uncork()
    })
  }

  close(): void {
    this.isBroken = true
    this.#socket.destroy()
    for (const id of this.#waiting.keys()) this.#settle(id)?.refuse(new PeerGone('the process that has these runs is not there'))
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    clearTimeout(waiting?.timer)
    return waiting
  }
}
