/**
 * The script of the child that an exiting process waits for: sends the one request that it reads from standard input. Nothing asynchronous runs
 * any more in the process itself by then. Loads nothing but Node, so that it is quick.
 */
import { text } from 'node:stream/consumers'
import { send } from './send.ts'
import type { OtlpTarget } from './target.ts'

export interface LastRequest {
  readonly target: OtlpTarget
  readonly body: string
  readonly timeoutMs: number
}

const { target, body, timeoutMs } = JSON.parse(await text(process.stdin)) as LastRequest
// Holds this process for as long as the request may take.
const held = setTimeout(() => undefined, timeoutMs)
await send(target, body, timeoutMs).done
clearTimeout(held)
// The connection would be kept open.
process.exit()
