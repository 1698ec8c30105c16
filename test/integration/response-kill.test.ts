/**
 * `kill -9` at any moment of an action: whatever was answered is in force and in the audit once after the restart, what was begun is done or was
 * not begun, and nothing is done twice. Fifty kills of a real process over one file; the seed of the moments is printed when it fails.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import type { Acted } from '../../app/response/asked.ts'
import type { AuditEntry } from '../../control/audit.ts'
import { auditIdOf } from '../../incidents/acting.ts'
import type { Action } from '../../model/incident.ts'
import { random } from '../support/backdated.ts'
import type { Request } from '../support/response-child.ts'

const CHILD = resolve(import.meta.dirname, '../support/response-child.ts')
const KILLS = 50
const SEED = Date.now() % 1_000_000

interface State {
  readonly actions: readonly Action[]
  readonly controls: readonly string[]
  readonly active: string
  readonly audit: readonly AuditEntry[]
}
interface Message {
  readonly ready?: true
  readonly bug?: string
  readonly n?: number
  readonly done?: Acted
  readonly state?: State
}

class Child {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (message: Message) => void>()
  readonly #ready: Promise<void>
  readonly bugs: string[] = []
  #n = 0

  constructor(dir: string) {
    this.#process = fork(CHILD, [dir], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#ready = new Promise((done) => {
      this.#process.on('message', (message: Message) => {
        if (message.ready === true) done()
        if (message.bug !== undefined) this.bugs.push(message.bug)
        if (message.n !== undefined) this.#waiting.get(message.n)?.(message)
      })
    })
  }

  get ready(): Promise<void> {
    return this.#ready
  }

  /** Never resolves when it is killed before it answers. */
  ask(
    request: Omit<Extract<Request, { do: 'act' }>, 'n'> | Omit<Extract<Request, { do: 'undo' }>, 'n'> | { readonly do: 'look' },
  ): Promise<Message> {
    const n = ++this.#n
    this.#process.send({ ...request, n })
    return new Promise((done) => this.#waiting.set(n, done))
  }

  async kill(): Promise<void> {
    const gone = new Promise<void>((done) => this.#process.once('exit', () => done()))
    this.#process.kill('SIGKILL')
    await gone
  }
}

test(`${KILLS} kills`, { timeout: 300_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-kill-'))
  const next = random(SEED)
  const acted = new Map<string, Action>()
  const undone = new Set<string>()
  let done = 0
  try {
    for (let kill = 0; kill <= KILLS; kill++) {
      const child = new Child(dir)
      await child.ready
      const { state } = await child.ask({ do: 'look' })
      verify(state!, acted, undone)
      // What is known to stand may be undone from now on, answered or not.
      const inForce = [...acted.values()].filter((a) => !undone.has(a.id))
      const release = state!.actions.find((a) => a.kind !== 'open_tool' && a.state === 'in_force')
      const asked = [
        ...Array.from({ length: 3 }, (_, i) => ({ action: 'open_tool' as const, target: `tool-${kill}-${i}`, reason: 'x', force: true })),
        // One release at a time: what is in force is undone first.
        ...(release !== undefined
          ? []
          : [
              kill % 2 === 0
                ? { action: 'activate_release' as const, target: state!.active === 'v3' ? 'v2' : 'v3', reason: 'x' }
                : { action: 'rollback_release' as const, reason: 'x' },
            ]),
      ]
      for (const what of asked)
        void child
          .ask({ do: 'act', asked: { ...what, actor: 'ana', via: 'test', expiresMs: Date.now() + 3_600_000 } })
          .then(({ done: answer }) => {
            if (answer?.ok !== true) return
            acted.set(answer.action.id, answer.action)
            done++
          })
      const victim = inForce[Math.floor(next() * inForce.length)]
      for (const id of new Set([victim?.id, release?.id].filter((v) => v !== undefined))) {
        maybe.add(id)
        void child.ask({ do: 'undo', action: id }).then(({ done: answer }) => {
          if (answer?.ok === true) undone.add(id)
        })
      }
      await new Promise((go) => setTimeout(go, next() * 250))
      await child.kill()
      expect(child.bugs, `seed ${SEED}`).toEqual([])
    }
    const releases = [...acted.values()].filter((a) => a.kind !== 'open_tool').length
    expect(releases).toBeGreaterThan(5)
    // It must have been killed in the middle of it, and not always before or after.
    expect(done).toBeGreaterThan(KILLS / 2)
    expect(done).toBeLessThan(KILLS * 4)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

/** Asked to be undone, and perhaps killed before the answer. */
const maybe = new Set<string>()

function verify(state: State, acted: ReadonlyMap<string, Action>, undone: ReadonlySet<string>): void {
  const { actions, controls, audit } = state
  const times = (id: string, ...kinds: readonly string[]): number => audit.filter((e) => e.id === id && kinds.includes(e.action)).length
  const byId = new Map(actions.map((a) => [a.id, a]))
  const about = (id: string): string => `${id}, seed ${SEED}`
  for (const [id, { kind, ref = '' }] of acted) {
    const now = byId.get(id)
    expect(now, about(id)).toBeDefined()
    if (kind !== 'open_tool') {
      expect(times(auditIdOf({ id: 'inc_1' }, { id, kind }), 'activate', 'rollback'), about(id)).toBe(1)
      if (undone.has(id)) expect(times(auditIdOf({ id: 'inc_1' }, { id, kind }, true), 'activate'), about(id)).toBe(1)
      continue
    }
    expect(times(ref, 'set'), about(id)).toBe(1)
    if (undone.has(id)) expect([now?.state, times(ref, 'undo'), controls.includes(ref)], about(id)).toEqual(['undone', 1, false])
    else if (!maybe.has(id)) expect([now?.state, times(ref, 'undo'), controls.includes(ref)], about(id)).toEqual(['in_force', 0, true])
    else expect([now?.state === 'undone', times(ref, 'undo')], about(id)).toEqual(controls.includes(ref) ? [false, 0] : [true, 1])
  }
  // Nothing is left between deciding and doing, and the record agrees with what is in force.
  expect(actions.filter((a) => a.state === 'started').map((a) => a.id)).toEqual([])
  for (const a of actions.filter((x) => x.kind === 'open_tool' && x.state === 'in_force')) expect(controls, about(a.id)).toContain(a.ref)
  const ids = audit.filter((e) => e.id !== '' && e.action !== 'undo').map((e) => e.id)
  expect(ids.length, 'something was done twice').toBe(new Set(ids).size)
  const last = audit.find((e) => e.action === 'activate' || e.action === 'rollback')
  expect(state.active).toBe(last?.target)
  // A release that the record holds for active is the one that is.
  for (const a of actions.filter((x) => x.kind !== 'open_tool' && x.state === 'in_force')) expect(state.active, about(a.id)).toBe(a.target)
}
