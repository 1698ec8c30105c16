/**
 * Whether a request was made on this machine, by a program of its user: what takes the place of a token while none is configured.
 * A loopback address alone does not say so. A web page can make its reader's browser ask 127.0.0.1 (the Origin header tells), by a name of
 * its own that resolves there (the Host header tells), and a proxy beside us passes others' requests on (its Forwarded headers tell).
 */
export interface RequestOrigin {
  readonly remoteAddress: string | undefined
  header(name: string): string | undefined
}

const PASSED_ON = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

export function isLocal(request: RequestOrigin): boolean {
  if (!isLoopbackHost(request.remoteAddress ?? '')) return false
  if (PASSED_ON.some((name) => request.header(name) !== undefined) || request.header('origin') !== undefined) return false
  const host = request.header('host')
  return (
    host !== undefined && URL.canParse(`http://${host}`) && isLoopbackHost(new URL(`http://${host}`).hostname.replace(/^\[(.*)\]$/, '$1'))
  )
}

/** A name or address of this machine only. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host)
}
