/**
 * `tls` of the configuration → certificate and key as they are served, or every mistake in words: a file that is missing or is something
 * else, a key that does not fit. Read again with every reload. A certificate that is not valid now is served and told: clients refuse
 * it by themselves, and a processor that does not start at all would lose spans too.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Tls } from '../processor/receive.ts'
import type { Config } from './config-schema.ts'
import { fileProblem } from './file-problem.ts'
import { SettingsError } from './settings.ts'

export interface LoadedTls extends Tls {
  /** When the first certificate of each file expires. */
  readonly expires: readonly { readonly certificate: 'server' | 'client_ca'; readonly atMs: number }[]
  /** What is wrong with certificates that are served all the same. */
  readonly warnings: readonly string[]
  /** A name that the certificate is for: what a client on this machine asks for. */
  readonly name: string | undefined
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/** Reads the files. Undefined where no TLS is configured. @throws SettingsError with every mistake. */
export function loadTls(tls: Config['tls'], dir: string, now: number): LoadedTls | undefined {
  if (tls === undefined) return undefined
  const problems: string[] = []
  const server = certificates('tls.cert_file', tls.cert_file, dir, problems)
  const key = privateKey('tls.key_file', tls.key_file, dir, problems)
  const clients = tls.client_ca_file === undefined ? undefined : certificates('tls.client_ca_file', tls.client_ca_file, dir, problems)
  const [leaf] = server?.all ?? []
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key.object))
    problems.push(
      `tls.key_file: ${key.path} is not the key of the certificate in ${server?.path ?? ''}; write the file that was made with it`,
    )
  if (problems.length > 0 || server === undefined || key === undefined) throw new SettingsError(problems)
  const files = { cert: server.text, key: key.text, ...(clients === undefined ? {} : { ca: clients.text }) }
  try {
    createSecureContext(files)
  } catch (error) {
    throw new SettingsError([`tls: ${server.path} and ${key.path} cannot be served: ${messageOf(error)}`])
  }
  const expires = [
    { certificate: 'server' as const, atMs: firstEnd(server.all) },
    ...(clients === undefined ? [] : [{ certificate: 'client_ca' as const, atMs: firstEnd(clients.all) }]),
  ]
  return {
    ...files,
    expires,
    warnings: [server, ...(clients === undefined ? [] : [clients])].flatMap((file) => validity(file, now)),
    name: leaf === undefined ? undefined : nameOf(leaf),
  }
}

interface Certificates {
  readonly path: string
  readonly text: string
  readonly all: readonly X509Certificate[]
}

function certificates(key: string, file: string, dir: string, problems: string[]): Certificates | undefined {
  const read = contents(key, file, dir, problems)
  if (read === undefined) return undefined
  const blocks = read.text.match(CERTIFICATE) ?? []
  if (blocks.length === 0) {
    problems.push(`${key}: ${read.path} holds no certificate; write a PEM file with -----BEGIN CERTIFICATE-----`)
    return undefined
  }
  try {
    return { ...read, all: blocks.map((block) => new X509Certificate(block)) }
  } catch (error) {
    problems.push(`${key}: ${read.path} is no certificate that can be read: ${messageOf(error)}`)
    return undefined
  }
}

function privateKey(
  key: string,
  file: string,
  dir: string,
  problems: string[],
): { readonly path: string; readonly text: string; readonly object: KeyObject } | undefined {
  const read = contents(key, file, dir, problems)
  if (read === undefined) return undefined
  try {
    return { ...read, object: createPrivateKey(read.text) }
  } catch (error) {
    const isLocked = /ENCRYPTED/.test(read.text)
    // What OpenSSL says of a key is about its form; the key itself is never in it.
    const why = isLocked
      ? 'is encrypted; write one without a passphrase, readable by its owner only'
      : `is no private key in PEM: ${messageOf(error)}`
    problems.push(`${key}: ${read.path} ${why}`)
    return undefined
  }
}

function contents(
  key: string,
  file: string,
  dir: string,
  problems: string[],
): { readonly path: string; readonly text: string } | undefined {
  const path = resolve(dir, file)
  try {
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    problems.push(`${key}: ${path}: ${fileProblem(error)}`)
    return undefined
  }
}

function firstEnd(all: readonly X509Certificate[]): number {
  return Math.min(...all.map((c) => Date.parse(c.validTo)))
}

function validity({ path, all }: Certificates, now: number): readonly string[] {
  return all.flatMap((c) => {
    const name = nameOf(c) ?? 'a certificate'
    if (now > Date.parse(c.validTo)) return [`${name} in ${path} expired on ${day(c.validTo)}: clients that check it refuse to connect`]
    if (now < Date.parse(c.validFrom))
      return [`${name} in ${path} is valid from ${day(c.validFrom)} only: clients that check it refuse to connect`]
    return []
  })
}

function nameOf(c: X509Certificate): string | undefined {
  return /(?:DNS|IP Address):([^\s,]+)/.exec(c.subjectAltName ?? '')?.[1] ?? /CN=([^\n]+)/.exec(c.subject)?.[1]
}

function day(text: string): string {
  return new Date(text).toISOString().slice(0, 10)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
