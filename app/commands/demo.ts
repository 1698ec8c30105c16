/** `agentopz up` and `agentopz demo`: options in; the work is in up.ts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { say } from './output.ts'
import { startApp } from './start.ts'
import { demo, up } from './up.ts'

interface PortOptions {
  readonly config?: string
  readonly prometheusPort: number
  readonly alertmanagerPort: number
}

/** Runs `up` until a signal; returns the exit code. */
export async function upCommand(o: PortOptions & { readonly data: string }): Promise<number> {
  const started = await startApp(o.config)
  if (typeof started === 'number') return started
  try {
    await up(started.app, {
      dir: o.data,
      prometheusPort: o.prometheusPort,
      alertmanagerPort: o.alertmanagerPort,
      say,
      signal: started.signal,
    })
  } finally {
    await started.app.stop()
  }
  return 0
}

/** Runs the demo until a signal or its time is over; returns the exit code. */
export async function demoCommand(
  o: PortOptions & { readonly data?: string; readonly healthySeconds: number; readonly seconds: number; readonly seed?: number },
): Promise<number> {
  const started = await startApp(o.config, (config) => ({ ...config, log: { ...config.log, level: 'warn' } }))
  if (typeof started === 'number') return started
  const dir = o.data ?? mkdtempSync(join(tmpdir(), 'agentopz-demo-'))
  try {
    await demo(started.app, { ...o, dir, say, signal: started.signal, ...(o.seed === undefined ? {} : { seed: o.seed }) })
    say('stopped; nothing is left running')
  } finally {
    await started.app.stop()
    if (o.data === undefined) rmSync(dir, { recursive: true, force: true })
  }
  return 0
}
