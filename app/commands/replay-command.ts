/** `agentopz replay FILE…`: options in, summary out; the work is in replay.ts. */
import { printError, say } from './output.ts'
import { replay } from './replay.ts'

/** Replays files; returns the exit code. */
export async function replayCommand(
  files: readonly string[],
  o: { endpoint: string; speed: number; now?: boolean; token?: string; json?: boolean },
): Promise<number> {
  const result = await replay(files, {
    endpoint: o.endpoint.replace(/\/+$/, ''),
    speed: o.speed,
    now: o.now === true,
    say: (line) => printError(`${line}\n`),
    ...(o.token === undefined ? {} : { token: o.token }),
  })
  if (o.json === true) say(JSON.stringify(result))
  else
    say(`${result.requests} requests sent, ${result.refused} refused, ${result.rejectedItems} items rejected in requests that were taken`)
  return result.refused === 0 ? 0 : 1
}
