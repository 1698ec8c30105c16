/** Certificates for tests, made by openssl in a folder: an authority, what it signs, and what is wrong with them. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

const openssl = (...args: readonly string[]): unknown => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] })

/** An authority of its own. */
export function authority(dir: string, name: string): Certificate {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)]
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    cert,
    '-subj',
    `/CN=${name}`,
  )
  return { cert, key }
}

/** A certificate for localhost and 127.0.0.1, signed by an authority, for so many days from now; negative: it has expired. */
export function signed(dir: string, name: string, by: Certificate, days = 2): Certificate {
  const [cert, key, request, more] = [
    join(dir, `${name}.pem`),
    join(dir, `${name}.key`),
    join(dir, `${name}.csr`),
    join(dir, `${name}.ext`),
  ]
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    key,
    '-out',
    request,
    '-subj',
    `/CN=${name}`,
  )
  writeFileSync(more, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const signer = ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial']
  openssl('x509', '-req', '-in', request, ...signer, '-out', cert, '-extfile', more, '-days', String(days))
  return { cert, key }
}
