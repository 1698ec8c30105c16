/**
 * fetch that trusts an authority of the reader's own and shows a certificate, for --ca-file, --cert-file and --key-file. Without them it is
 * Node's own, which reads NODE_EXTRA_CA_CERTS. In: files; out: a fetch, or what is wrong with the files. Certificates are always checked.
 */
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { Agent, fetch as undiciFetch } from 'undici'

export interface TlsClientOptions {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

export interface Sent {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly body?: string | Uint8Array
}
export type Send = (url: string, request: Sent) => Promise<Pick<Response, 'ok' | 'status' | 'json' | 'text'>>

/** @throws Error with the option and what is wrong with its file. */
export function fetchWith({ caFile, certFile, keyFile }: TlsClientOptions): Send {
  if (caFile === undefined && certFile === undefined && keyFile === undefined) return (url, request) => fetch(url, request as RequestInit)
  if ((certFile === undefined) !== (keyFile === undefined)) throw new Error('--cert-file and --key-file belong together: give both')
  const ca = read('--ca-file', caFile)
  const [cert, key] = [read('--cert-file', certFile), read('--key-file', keyFile)]
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error(`--ca-file ${caFile ?? ''} holds no certificate; give a PEM file with -----BEGIN CERTIFICATE-----`)
  const dispatcher = new Agent({
    connect: {
      ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  })
  return (url, request) => undiciFetch(url, { ...request, dispatcher })
}

function read(option: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`${option} ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

const CODES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself; trust it with --ca-file FILE, or NODE_EXTRA_CA_CERTS=FILE',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not known here; trust it with --ca-file FILE, or NODE_EXTRA_CA_CERTS=FILE',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not known here; trust it with --ca-file FILE, or NODE_EXTRA_CA_CERTS=FILE',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known here; trust it with --ca-file FILE, or NODE_EXTRA_CA_CERTS=FILE',
  CERT_HAS_EXPIRED: 'its certificate has expired; put a new one into tls.cert_file and reload agentopz',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; is the clock right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name; ask by a name that it is for: --url https://NAME:PORT',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate of yours; give --cert-file FILE --key-file FILE',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    'it does not know the authority of your certificate; give one of tls.client_ca_file with --cert-file FILE --key-file FILE',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; ask with --url http://HOST:PORT',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS; ask with --url http://HOST:PORT',
}

/** What went wrong with TLS and what to type; undefined where it is something else. */
export function tlsTrouble(code: string | undefined): string | undefined {
  return code === undefined ? undefined : CODES[code]
}
