/** `agentopz replay FILE…`: options in, summary out; the work is in replay.ts. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { fileProblem } from '../file-problem.ts'
import { printError, say } from './output.ts'
import { replay } from './replay.ts'

/** Replays files; returns the exit code. */
export async function replayCommand(
  files: readonly string[],
  o: { endpoint: string; speed: number; now?: boolean; token?: string; json?: boolean },
): Promise<number> {
  // Before anything is sent: half a replay is counted twice when it is begun again.
  const unreadable = files.flatMap((file) => {
    const why = whyUnreadable(file)
    return why === undefined ? [] : [`agentopz: ${file}: ${why}; name files of OTLP/JSON lines\n`]
  })
  if (unreadable.length > 0) {
    printError(unreadable.join(''))
    return 1
  }
  const token = o.token ?? process.env['AGENTOPZ_TOKEN'] ?? ''
  const result = await replay(files, {
    endpoint: o.endpoint.replace(/\/+$/, ''),
    speed: o.speed,
    now: o.now === true,
    say: (line) => printError(`${line}\n`),
    ...(token === '' ? {} : { token }),
  })
  if (o.json === true) say(JSON.stringify(result))
  else
    say(`${result.requests} requests sent, ${result.refused} refused, ${result.rejectedItems} items rejected in requests that were taken`)
  return result.refused === 0 ? 0 : 1
}

function whyUnreadable(file: string): string | undefined {
  try {
    const fd = openSync(file, 'r')
    const isFolder = fstatSync(fd).isDirectory()
    closeSync(fd)
    return isFolder ? 'it is a folder' : undefined
  } catch (error) {
    return fileProblem(error)
  }
}
