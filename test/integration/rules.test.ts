/**
 * The shipped rule files, by the real promtool: they parse, their cases hold, and what an alert says when it fires is a sentence with
 * numbers and not a template that failed. Another promtool first on PATH (a Prometheus 3) runs the same.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { CASES } from '../../app/generate-rule-tests.ts'
import { ALERTS } from '../../model/alerts.ts'

const RULES = join(import.meta.dirname, '../../alert-rules')
const files = (suffix: string): readonly string[] => readdirSync(RULES).filter((f) => f.endsWith(suffix))
const dir = mkdtempSync(join(tmpdir(), 'agentopz-rules-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function promtool(args: readonly string[]): Promise<{ readonly failed: boolean; readonly said: string }> {
  return new Promise((done) =>
    execFile('promtool', [...args], { cwd: RULES, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      done({ failed: error !== null, said: `${stdout}${stderr}` }),
    ),
  )
}

test('promtool finds every rule and no mistake in them', async () => {
  const { failed, said } = await promtool(['check', 'rules', ...files('.rules.yaml')])
  expect(failed, said).toBe(false)
  expect([...said.matchAll(/SUCCESS: \d+ rules found/g)]).toHaveLength(2)
})

test('every case of every alert, and scenarios from raw metrics, hold', { timeout: 900_000 }, async () => {
  const tests = files('.test.yaml')
  expect(tests.length).toBeGreaterThan(1)
  const said = await Promise.all(tests.map(async (file) => ({ file, ...(await promtool(['test', 'rules', file])) })))
  for (const t of said) {
    expect(t.failed, t.said).toBe(false)
    expect(t.said, t.file).toContain('SUCCESS')
  }
})

test('what a fired alert says has no template left in it', { timeout: 300_000 }, async () => {
  const firing = Object.keys(ALERTS).map((name) => CASES.find((c) => c.alert === name && c.fires.length > 0)!)
  writeFileSync(
    join(dir, 'texts.test.yaml'),
    stringify({
      rule_files: [join(RULES, 'alerts.rules.yaml')],
      evaluation_interval: '1m',
      // Nothing is expected, so promtool prints what it got.
      tests: firing.map((c) => ({
        interval: '1m',
        input_series: Object.entries(c.series).map(([series, values]) => ({ series, values })),
        alert_rule_test: [{ eval_time: `${c.minute}m`, alertname: c.alert, exp_alerts: [] }],
      })),
    }),
  )
  const { said } = await promtool(['test', 'rules', join(dir, 'texts.test.yaml')])
  const texts = new Map(
    [...said.matchAll(/Labels:\{[^\n]*alertname="(\w+)"[^\n]*\n\s*Annotations:(\{[^\n]*\})/g)].map((m) => [m[1], m[2] ?? '']),
  )
  expect(new Set(texts.keys())).toEqual(new Set(Object.keys(ALERTS)))
  for (const [name, text] of texts) {
    expect(text, name).not.toMatch(/error (calling|expanding)|<no value>|%!|\{\{|NaN/)
    expect(text, name).toContain(`/runbooks/${name}`)
  }
})
