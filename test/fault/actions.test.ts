/**
 * kill -9 of `agentopz serve` while people act over HTTP: what was answered is in force and in the audit once after the start, what was answered
 * by nobody is whole or not there, nothing is there twice. Five kills; twenty in `npm run fault`. The seed of the moments can be given.
 */
import { expect, test } from 'vitest'
import { random } from '../support/backdated.ts'
import { served } from '../support/served.ts'

const KILLS = process.env['AGENTOPZ_FAULT'] === 'long' ? 20 : 5
const SEED = Number(process.env['AGENTOPZ_SEED'] ?? 1)
const ABOUT = { reason: 'x', actor: 'ana' }
const WRITERS = 4
const VERSIONS = ['v1', 'v2', 'v3'] as const

interface Entry {
  readonly action: string
  readonly control: string
  readonly id: string
  readonly target: string
}
interface Listed {
  readonly controls: readonly { readonly id: string }[]
  readonly audit: readonly Entry[]
}

test(`${KILLS} kills while people act: what was answered stands, once`, async () => {
  const next = random(SEED)
  const server = await served('agents: { support: {} }\ncontrols: { max_controls: 100000 }\n', 'sqlite:./a.db')
  const set = new Set<string>()
  /** Asked to be undone; those of them that were answered. */
  const [asked, undone] = [new Set<string>(), new Set<string>()]
  /** The release that was answered last, until another one is asked for. */
  let active: string | undefined
  let activations = 0
  /** Every entry of the audit that was ever listed. */
  const seen = new Map<string, Entry>()
  let isOver = false

  const send = async (
    method: string,
    path: string,
    body: object,
  ): Promise<{ readonly status: number; readonly id: string } | undefined> => {
    try {
      const answer = await fetch(`${server.url}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...ABOUT, ...body }),
      })
      const json = (await answer.json()) as { readonly id?: string }
      return { status: answer.status, id: json.id ?? '' }
    } catch {
      // It was killed before it answered, or while it did.
      return undefined
    }
  }
  const write = async (name: string): Promise<void> => {
    for (let n = 0; !isOver; n++) {
      const made = await send('POST', '/api/v1/controls?force=1', { control: 'tool', agent: 'support', target: `${name}-${n}` })
      if (made === undefined) return
      expect(made.status).toBe(201)
      set.add(made.id)
      if (n % 3 !== 2) continue
      asked.add(made.id)
      const answer = await send('DELETE', `/api/v1/controls/${made.id}`, {})
      if (answer === undefined) return
      expect(answer.status).toBe(200)
      undone.add(made.id)
    }
  }
  const release = async (): Promise<void> => {
    for (let n = 0; !isOver; n++) {
      const version = VERSIONS[n % VERSIONS.length] ?? 'v1'
      active = undefined
      const answer = await send('POST', `/api/v1/releases/support/${version}/activate`, {})
      if (answer === undefined) return
      // 409: it is the active one already, as it may be after a kill.
      expect([200, 409]).toContain(answer.status)
      active = version
      if (answer.status === 200) activations++
      await new Promise((done) => setTimeout(done, next() * 20))
    }
  }
  const verify = async (): Promise<number> => {
    const { controls, audit } = (await (await fetch(`${server.url}/api/v1/controls?all=1&limit=1000`)).json()) as Listed
    // The list ends at a thousand, which a quick machine outgrows; between two kills far fewer come.
    for (const e of audit) seen.set(JSON.stringify(e), e)
    const inForce = new Set(controls.map((c) => c.id))
    const times = Map.groupBy(seen.values(), (e) => `${e.action} ${e.id}`)
    const count = (action: string, id: string): number => times.get(`${action} ${id}`)?.length ?? 0
    const told = [...set].map((id) => ({ id, set: count('set', id), undo: count('undo', id), stands: inForce.has(id) }))
    const wrong = told.filter(({ id, set: made, undo, stands }) => {
      if (made !== 1 || undo > 1 || stands === (undo === 1)) return true
      return undone.has(id) ? undo !== 1 : !asked.has(id) && undo !== 0
    })
    expect(wrong, `seed ${SEED}`).toEqual([])
    // What nobody was answered is whole as well: in force and in the audit, once.
    expect(
      controls.filter((c) => count('set', c.id) !== 1),
      `seed ${SEED}`,
    ).toEqual([])
    const { active: now } = (await (await fetch(`${server.url}/api/v1/releases/support`)).json()) as { readonly active?: string }
    const changes = audit.filter((e) => e.action === 'activate')
    expect(now).toBe(changes[0]?.target)
    if (active !== undefined) expect(now, `seed ${SEED}`).toBe(active)
    expect([...seen.values()].filter((e) => e.action === 'activate').length).toBeGreaterThanOrEqual(activations)
    return seen.size
  }
  try {
    server.spawn()
    await server.ready()
    for (const version of VERSIONS)
      await send('POST', '/api/v1/releases/support', { version, prompts: { system: version }, activate: version === 'v1' })
    let entries = 0
    for (let kill = 1; kill <= KILLS; kill++) {
      isOver = false
      const working = [...Array.from({ length: WRITERS }, (_, n) => write(`tool-${kill}-${n}`)), release()]
      await new Promise((done) => setTimeout(done, 30 + next() * 800))
      await server.kill('SIGKILL')
      isOver = true
      await Promise.all(working)
      server.spawn()
      await server.ready()
      const now = await verify()
      expect(now).toBeGreaterThan(entries)
      entries = now
    }
    expect([set.size > KILLS, undone.size > 0, activations > 0]).toEqual([true, true, true])
    process.stdout.write(`${KILLS} kills: ${set.size} controls set, ${undone.size} undone, ${activations} activations, seed ${SEED}\n`)
  } finally {
    await server.end()
  }
})
