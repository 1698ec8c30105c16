/** `tls` of the configuration: what is loaded, and what is said of every mistake. Needs `openssl`. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SettingsError } from '../../../app/settings.ts'
import { loadTls } from '../../../app/tls.ts'
import { authority, type Certificate, signed } from '../../support/certificates.ts'

const DAY = 86_400_000
let dir: string
let ca: Certificate
let good: Certificate
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'agentopz-tls-'))
  ca = authority(dir, 'ca')
  good = signed(dir, 'good', ca)
  writeFileSync(join(dir, 'text.pem'), 'hello\n')
  writeFileSync(join(dir, 'broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  execFileSync('openssl', ['ec', '-aes256', '-passout', 'pass:x', '-in', good.key, '-out', join(dir, 'locked.key')], { stdio: 'ignore' })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const problems = (cert_file: string, key_file: string, client_ca_file?: string): readonly string[] => {
  try {
    loadTls({ cert_file, key_file, ...(client_ca_file === undefined ? {} : { client_ca_file }) }, dir, Date.now())
    return []
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map((p) => p.replaceAll(`${dir}/`, ''))
    throw error
  }
}

describe('what is wrong is said, all at once', () => {
  const cases: readonly (readonly [string, readonly [string, string, string?], readonly (string | RegExp)[]])[] = [
    [
      'no such files',
      ['a.pem', 'b.key', 'c.pem'],
      [
        'tls.cert_file: a.pem: there is no such file',
        'tls.key_file: b.key: there is no such file',
        'tls.client_ca_file: c.pem: there is no such file',
      ],
    ],
    ['a folder', ['.', 'good.key'], [/^tls\.cert_file: .*: it is a folder$/]],
    [
      'no certificate',
      ['text.pem', 'good.key'],
      ['tls.cert_file: text.pem holds no certificate; write a PEM file with -----BEGIN CERTIFICATE-----'],
    ],
    ['a certificate that is none', ['broken.pem', 'good.key'], [/^tls\.cert_file: broken\.pem is no certificate that can be read: /]],
    ['no key', ['good.pem', 'text.pem'], [/^tls\.key_file: text\.pem is no private key in PEM: /]],
    ['the certificate for the key', ['good.pem', 'good.pem'], [/^tls\.key_file: good\.pem is no private key in PEM: /]],
    [
      'a key with a passphrase',
      ['good.pem', 'locked.key'],
      ['tls.key_file: locked.key is encrypted; write one without a passphrase, readable by its owner only'],
    ],
    [
      'the key of another certificate',
      ['good.pem', 'ca.key'],
      ['tls.key_file: ca.key is not the key of the certificate in good.pem; write the file that was made with it'],
    ],
    ['an authority that is none', ['good.pem', 'good.key', 'text.pem'], [/^tls\.client_ca_file: text\.pem holds no certificate/]],
  ]
  for (const [name, files, expected] of cases)
    test(name, () => {
      const found = problems(...files)
      expect(found).toHaveLength(expected.length)
      for (const [i, e] of expected.entries())
        if (typeof e === 'string') expect(found[i]).toBe(e)
        else expect(found[i]).toMatch(e)
    })
})

describe('what is loaded', () => {
  test('nothing, where there is no TLS', () => expect(loadTls(undefined, dir, 0)).toBeUndefined())
  test('when it expires, and no warning', () => {
    const loaded = loadTls({ cert_file: 'good.pem', key_file: 'good.key', client_ca_file: 'ca.pem' }, dir, Date.now())
    expect(loaded?.warnings).toEqual([])
    expect(loaded?.name).toBe('localhost')
    expect(loaded?.expires.map((e) => [e.certificate, Math.round((e.atMs - Date.now()) / DAY)])).toEqual([
      ['server', 2],
      ['client_ca', 2],
    ])
  })
  test('a chain expires with the first of its certificates', () => {
    const chain = join(dir, 'chain.pem')
    const short = signed(dir, 'short', ca, 1)
    execFileSync('sh', ['-c', `cat ${good.cert} ${short.cert} > ${chain}`])
    const loaded = loadTls({ cert_file: chain, key_file: good.key }, dir, Date.now())
    expect(Math.round(((loaded?.expires[0]?.atMs ?? 0) - Date.now()) / DAY)).toBe(1)
  })
  test('one that has expired is served, and told', () => {
    const old = signed(dir, 'old', ca, -1)
    const loaded = loadTls({ cert_file: old.cert, key_file: old.key }, dir, Date.now())
    expect(loaded?.warnings).toEqual([
      expect.stringMatching(/^localhost in .*old\.pem expired on \d{4}-\d\d-\d\d: clients that check it refuse to connect$/),
    ])
  })
  test('one that is not valid yet too', () =>
    expect(loadTls({ cert_file: good.cert, key_file: good.key }, dir, Date.now() - 5 * DAY)?.warnings[0]).toContain('is valid from'))
})
