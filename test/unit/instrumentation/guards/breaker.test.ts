import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { afterCall, type Breaker, breakerAt, CLOSED, enter } from '../../../../instrumentation/guards/breaker.ts'

const LIMITS = { failures: 3, seconds: 60 }
const open = (untilMs: number): Breaker => ({ state: 'open', untilMs })
const probing = (probeSinceMs: number | undefined): Breaker => ({ state: 'half-open', probeSinceMs })
const closed = (failures: number): Breaker => ({ state: 'closed', failures })

describe('what the time makes of it', () => {
  const cases: readonly { name: string; is: Breaker; now: number; becomes: Breaker }[] = [
    { name: 'closed stays closed', is: closed(2), now: 1e12, becomes: closed(2) },
    { name: 'open stays open until its time', is: open(60_000), now: 59_999, becomes: open(60_000) },
    { name: 'open becomes half-open at its time', is: open(60_000), now: 60_000, becomes: probing(undefined) },
    { name: 'a probe is waited for', is: probing(1000), now: 60_999, becomes: probing(1000) },
    { name: 'a probe that never answers is given up', is: probing(1000), now: 61_000, becomes: probing(undefined) },
  ]
  for (const c of cases) test(c.name, () => expect(breakerAt(c.is, LIMITS, c.now)).toEqual(c.becomes))
})

describe('whether a call may go ahead', () => {
  const cases: readonly { name: string; is: Breaker; now: number; admit: boolean; next: Breaker }[] = [
    { name: 'closed lets everything through', is: closed(2), now: 0, admit: true, next: closed(2) },
    { name: 'open lets nothing through', is: open(60_000), now: 1, admit: false, next: open(60_000) },
    { name: 'the first call after the time is the probe', is: open(60_000), now: 60_000, admit: true, next: probing(60_000) },
    { name: 'no second call beside a probe', is: probing(60_000), now: 60_001, admit: false, next: probing(60_000) },
    { name: 'another probe after one that was given up', is: probing(60_000), now: 120_000, admit: true, next: probing(120_000) },
  ]
  for (const c of cases) test(c.name, () => expect(enter(c.is, LIMITS, c.now)).toEqual({ admit: c.admit, next: c.next }))
})

describe('what an outcome makes of it', () => {
  const cases: readonly { name: string; is: Breaker; outcome: 'success' | 'failure'; now: number; becomes: Breaker }[] = [
    { name: 'a failure is counted', is: closed(0), outcome: 'failure', now: 5, becomes: closed(1) },
    { name: 'the last failure in a row opens it', is: closed(2), outcome: 'failure', now: 5, becomes: open(60_005) },
    { name: 'a success in between starts the count anew', is: closed(2), outcome: 'success', now: 5, becomes: CLOSED },
    { name: 'a probe that works closes it', is: probing(60_000), outcome: 'success', now: 60_010, becomes: CLOSED },
    { name: 'a probe that fails opens it again', is: probing(60_000), outcome: 'failure', now: 60_010, becomes: open(120_010) },
    { name: 'a late success changes nothing while it is open', is: open(60_000), outcome: 'success', now: 10, becomes: open(60_000) },
    { name: 'a late failure does not prolong it', is: open(60_000), outcome: 'failure', now: 10, becomes: open(60_000) },
  ]
  for (const c of cases) test(c.name, () => expect(afterCall(c.is, c.outcome, LIMITS, c.now)).toEqual(c.becomes))
})

describe('any sequence of calls', () => {
  type Event = { readonly afterMs: number; readonly does: 'call' | 'success' | 'failure' }
  const events = fc.array(
    fc.record({ afterMs: fc.integer({ min: 0, max: 90_000 }), does: fc.constantFrom<Event['does']>('call', 'success', 'failure') }),
    { maxLength: 60 },
  )
  const limits = fc.record({ failures: fc.integer({ min: 1, max: 5 }), seconds: fc.integer({ min: 1, max: 120 }) })

  test('it is never open longer than `seconds` after the last event', () =>
    fc.assert(
      fc.property(events, limits, (sequence, l) => {
        let b = CLOSED
        let now = 0
        for (const { afterMs, does } of sequence) {
          now += afterMs
          b = does === 'call' ? enter(b, l, now).next : afterCall(b, does, l, now)
        }
        // Whatever happened: after that time of silence one call is let through.
        expect(enter(b, l, now + l.seconds * 1000).admit).toBe(true)
      }),
    ))

  test('there is at most one probe at a time, and it closes after a success only', () =>
    fc.assert(
      fc.property(events, limits, (sequence, l) => {
        let b = CLOSED
        let now = 0
        let probeSince = -Infinity
        for (const { afterMs, does } of sequence) {
          now += afterMs
          const before = breakerAt(b, l, now)
          if (does === 'call') {
            const { admit, next } = enter(b, l, now)
            if (admit && before.state === 'half-open') {
              expect(now - probeSince).toBeGreaterThanOrEqual(l.seconds * 1000)
              probeSince = now
            }
            b = next
            continue
          }
          b = afterCall(b, does, l, now)
          if (before.state === 'half-open') probeSince = -Infinity
          if (before.state !== 'closed' && b.state === 'closed') expect(does).toBe('success')
        }
      }),
    ))

  test('so many failures in a row always open it', () =>
    fc.assert(
      fc.property(limits, fc.nat(1000), (l, now) => {
        let b = CLOSED
        for (let i = 0; i < l.failures; i++) b = afterCall(b, 'failure', l, now)
        expect(enter(b, l, now).admit).toBe(false)
      }),
    ))
})
