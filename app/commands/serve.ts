/** `agentopz serve`. */
import { VERSION } from '../app.ts'
import { aborted, startApp } from './start.ts'

/** Serves until a signal; returns the exit code. */
export async function serveCommand(config: string | undefined): Promise<number> {
  const started = await startApp(config)
  if (typeof started === 'number') return started
  const { app, log, signal } = started
  const { otlpHttp, otlpGrpc, listen } = app.ports
  const at = (address: { host: string } | undefined, port: number | undefined): string =>
    address === undefined || port === undefined ? 'off' : `${address.host}:${port}`
  log.info(
    {
      otlp_http: at(started.config.receive.otlp_http, otlpHttp),
      otlp_grpc: at(started.config.receive.otlp_grpc, otlpGrpc),
      listen: at(started.config.listen, listen),
      version: VERSION,
    },
    'agentopz is ready',
  )
  await aborted(signal)
  log.info('stopping: requests and relays under way are finished first')
  await app.stop()
  return 0
}
