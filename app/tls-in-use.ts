/**
 * The certificate that is served now: read at start, read again with every reload, its expiry a metric. A reload that cannot be used changes
 * nothing. Whether there is TLS at all, and whether clients must show a certificate, is settled at start: a reload that
 * changes it is refused, for whoever writes it would believe it to be in force.
 */
import type { Metrics } from '../processor/metrics.ts'
import { tlsOptions } from '../processor/receive.ts'
import type { Config } from './config-schema.ts'
import { isLoopbackHost } from './controls/local.ts'
import type { Running, TlsListener } from './listen.ts'
import type { Logger } from './log.ts'
import { SettingsError } from './settings.ts'
import { type LoadedTls, loadTls } from './tls.ts'

interface TlsParts {
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: () => number
}

const AGAIN = 'takes a restart of agentopz'

export class TlsInUse {
  readonly #parts: TlsParts
  #loaded: LoadedTls | undefined

  /** @throws SettingsError for files that cannot be used. */
  constructor(config: Config, dir: string, parts: TlsParts) {
    this.#parts = parts
    this.#loaded = loadTls(config.tls, dir, parts.clock())
    const { metrics } = parts
    metrics.gauge('agentopz_tls_certificate_expiry_timestamp_seconds', () =>
      (this.#loaded?.expires ?? []).map(({ certificate, atMs }) => [{ certificate }, atMs / 1000] as const),
    )
    this.#warn()
    if (this.#loaded === undefined && config.auth.tokens.length > 0 && isOpen(config))
      parts.log.warn('tokens are sent in the clear: addresses other than loopback are listened on without tls; see docs/security.md')
  }

  /** Undefined where no TLS is spoken. */
  get loaded(): LoadedTls | undefined {
    return this.#loaded
  }

  /** For receivers. */
  option(): { readonly tls?: LoadedTls } {
    return this.#loaded === undefined ? {} : { tls: this.#loaded }
  }

  /** For other servers. */
  options(listener: 'api'): TlsListener | undefined {
    if (this.#loaded === undefined) return undefined
    return { options: tlsOptions(this.#loaded), failed: (error) => handshakeFailed(this.#parts, listener, error) }
  }

  /** Reads the files as they are now: what serves them from then on, or why they cannot be. */
  prepare(next: Config, dir: string): { readonly problems: readonly string[]; readonly use: (running: Running) => void } {
    const refused = (...problems: readonly string[]): ReturnType<TlsInUse['prepare']> => ({ problems, use: () => undefined })
    if ((next.tls === undefined) !== (this.#loaded === undefined)) return refused(`tls: switching TLS on or off ${AGAIN}`)
    if ((next.tls?.client_ca_file === undefined) !== (this.#loaded?.ca === undefined))
      return refused(`tls.client_ca_file: whether clients must show a certificate ${AGAIN}`)
    try {
      const loaded = loadTls(next.tls, dir, this.#parts.clock())
      const use = (running: Running): void => {
        this.#loaded = loaded
        if (loaded !== undefined) running.secure(loaded, tlsOptions(loaded))
        this.#warn()
      }
      return { problems: [], use }
    } catch (error) {
      if (error instanceof SettingsError) return refused(...error.problems)
      throw error
    }
  }

  #warn(): void {
    for (const warning of this.#loaded?.warnings ?? []) this.#parts.log.warn({ warning }, 'a certificate is not valid now')
  }
}

/** Counts a connection that ended before TLS was agreed on. */
export function handshakeFailed({ metrics, log, clock }: TlsParts, listener: string, error: Error): void {
  metrics.add('agentopz_tls_handshakes_failed_total', { listener }, 1, clock())
  log.debug({ listener, why: error.message }, 'no TLS with a client')
}

function isOpen(config: Config): boolean {
  return [config.listen, config.receive.otlp_http, config.receive.otlp_grpc].some((a) => a !== undefined && !isLoopbackHost(a.host))
}
