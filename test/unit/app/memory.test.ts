import { describe, expect, test, vi } from 'vitest'
import { DEFAULT_CONFIG, parseConfig } from '../../../app/config.ts'
import { configOf } from '../../../app/processes/divide.ts'
import { createMemoryGuard, type MemoryGuard } from '../../../app/memory-guard.ts'
import { cgroupLimit, memoryLimit } from '../../../app/memory-limit.ts'
import { memorySizeOf } from '../../../app/memory-size.ts'
import { boundsWithin } from '../../../app/settings.ts'

const MIB = 2 ** 20
const files =
  (of: Readonly<Record<string, string>>) =>
  (path: string): string | undefined =>
    of[path]

describe('an amount of memory', () => {
  const cases: readonly (readonly [string | number, unknown])[] = [
    ['512MiB', { bytes: 512 * MIB }],
    ['512Mi', { bytes: 512 * MIB }],
    ['1.5GiB', { bytes: 1.5 * 2 ** 30 }],
    ['100MB', { bytes: 1e8 }],
    [268_435_456, { bytes: 256 * MIB }],
    ['80%', { share: 0.8 }],
    ['auto', 'auto'],
    ['off', 'off'],
    ['31MiB', undefined],
    ['0%', undefined],
    ['120%', undefined],
    ['-1', undefined],
    ['much', undefined],
    ['', undefined],
  ]
  for (const [text, is] of cases) test(`"${text}"`, () => expect(memorySizeOf(text)).toEqual(is))
  test('off is no string in YAML 1.1, and is understood', () => {
    for (const text of ['off', 'false'])
      expect(parseConfig(`limits: { max_memory: ${text} }`, 'c', {})).toMatchObject({ config: { limits: { max_memory: 'off' } } })
  })
})

describe('the limit of a cgroup', () => {
  const V2 = { '/proc/self/cgroup': '0::/kubepods/pod1/app\n' }
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, number | undefined])[] = [
    ['version 2', { ...V2, '/sys/fs/cgroup/kubepods/pod1/app/memory.max': '268435456\n' }, 256 * MIB],
    [
      'version 2: the smallest of all around it counts',
      {
        ...V2,
        '/sys/fs/cgroup/kubepods/pod1/app/memory.max': 'max\n',
        '/sys/fs/cgroup/kubepods/pod1/memory.max': '536870912\n',
        '/sys/fs/cgroup/kubepods/memory.max': '1073741824\n',
      },
      512 * MIB,
    ],
    [
      'version 2: where it is slowed down counts too',
      { ...V2, '/sys/fs/cgroup/kubepods/memory.max': 'max', '/sys/fs/cgroup/kubepods/memory.high': '104857600' },
      100 * MIB,
    ],
    ['version 2, in a namespace of its own', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': '104857600\n' }, 100 * MIB],
    ['version 2 without a limit', { ...V2, '/sys/fs/cgroup/kubepods/memory.max': 'max\n' }, undefined],
    [
      'version 1',
      {
        '/proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n',
        '/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': '104857600\n',
      },
      100 * MIB,
    ],
    [
      'version 1, where the path is that of outside: the root that is seen counts',
      { '/proc/self/cgroup': '4:memory:/docker/abc\n', '/sys/fs/cgroup/memory/memory.limit_in_bytes': '104857600\n' },
      100 * MIB,
    ],
    [
      'version 1 without a limit',
      { '/proc/self/cgroup': '4:memory:/x\n', '/sys/fs/cgroup/memory/x/memory.limit_in_bytes': '9223372036854771712\n' },
      undefined,
    ],
    ['no cgroups', {}, undefined],
  ]
  for (const [name, of, is] of cases) test(name, () => expect(cgroupLimit(files(of))).toBe(is))
  test('the machine counts where it has less, or where there is no cgroup', () => {
    const read = files({ '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/memory.max': String(8 * 2 ** 30) })
    expect(memoryLimit('auto', read, 4 * 2 ** 30)).toEqual({ bytes: 4 * 2 ** 30, from: 'machine' })
    expect(memoryLimit({ share: 0.5 }, read, 16 * 2 ** 30)).toEqual({ bytes: 4 * 2 ** 30, from: 'cgroup' })
    expect(memoryLimit({ bytes: 99 * MIB }, read)).toEqual({ bytes: 99 * MIB, from: 'max_memory' })
    expect(memoryLimit('off', read)).toBeUndefined()
    expect(memoryLimit('auto')?.bytes).toBeGreaterThan(32 * MIB)
  })
})

describe('the guard', () => {
  interface World {
    readonly guard: MemoryGuard
    readonly said: string[]
    resident: number
    heap: number
    garbage: number
    collected: number
    now: number
  }
  function world(): World {
    const said: string[] = []
    const w: World = {
      said,
      resident: 50,
      heap: 10,
      garbage: 0,
      collected: 0,
      now: 0,
      guard: createMemoryGuard({
        limits: { max_memory: { bytes: 100 * MIB }, refuse_above_memory: 0.8 },
        log: { warn: (text: string) => said.push(text), info: (text: string) => said.push(text) } as never,
        heapLimitBytes: 200 * MIB,
        use: () => ({ process: (w.resident + w.garbage) * MIB, heap: (w.heap + w.garbage) * MIB }),
        collect: () => {
          w.garbage = 0
          w.collected++
          w.now += 50
        },
        now: () => w.now,
      }),
    }
    return w
  }
  const look = (w: World, change: Partial<World>): string | undefined => {
    Object.assign(w, change)
    w.guard.look()
    return w.guard.refuses
  }
  test('refuses above the mark, says why, and lets in a tenth below', () => {
    const w = world()
    expect(look(w, { resident: 79 })).toBeUndefined()
    expect(look(w, { resident: 81 })).toMatch(/the process has 81 MiB of 100 MiB \(limits.max_memory\)/)
    expect(look(w, { resident: 75 })).toMatch(/75 MiB/)
    expect(look(w, { resident: 71 })).toBeUndefined()
    expect(w.said).toEqual([expect.stringContaining('refused until'), expect.stringContaining('taken again')])
  })
  test('what is still used after 10 s is what it needs: then it lets in below the mark itself', () => {
    const w = world()
    expect(look(w, { resident: 85, now: 1000 })).toBeDefined()
    expect(look(w, { resident: 79, now: 10_500 })).toBeDefined()
    expect(look(w, { resident: 81, now: 12_000 })).toBeDefined()
    expect(look(w, { resident: 79, now: 12_100 })).toBeUndefined()
    // Anew, a tenth below counts.
    expect(look(w, { resident: 85, now: 12_200 })).toBeDefined()
    expect(look(w, { resident: 79, now: 12_400 })).toBeDefined()
  })
  test("Node's own limit counts as well: it may be the nearer one", () => {
    const w = world()
    expect(look(w, { heap: 161 })).toMatch(/the heap has 161 MiB of 200 MiB \(--max-old-space-size\)/)
    expect(look(w, { heap: 140 })).toBeUndefined()
  })
  test('garbage is no reason: it is collected first, and for a twentieth of the time at most', () => {
    const w = world()
    expect(look(w, { resident: 60, garbage: 30 })).toBeUndefined()
    expect(w.collected).toBe(1)
    // So soon again: whatever it is, it grows too fast to wait for.
    expect(look(w, { garbage: 30 })).toMatch(/90 MiB/)
    expect(w.collected).toBe(1)
    expect(look(w, { now: w.now + 1000 })).toMatch(/90 MiB/)
    expect(look(w, { now: w.now + 1000 })).toBeUndefined()
    expect(w.collected).toBe(2)
  })
  test('a request is let in by what is so now, not a quarter of a second ago', () => {
    const w = world()
    expect(w.guard.refusesNow()).toBeUndefined()
    w.resident = 90
    w.now += 10
    expect(w.guard.refusesNow()).toBeUndefined()
    w.now += 20
    expect(w.guard.refusesNow()).toMatch(/90 MiB/)
  })
  test('where it is off nothing is refused', () => {
    const guard = createMemoryGuard({
      limits: { max_memory: 'off', refuse_above_memory: 0.8 },
      log: world().said as never,
      heapLimitBytes: 1,
      use: () => ({ process: 2 ** 50, heap: 2 ** 50 }),
    })
    guard.look()
    expect([guard.refuses, guard.limitBytes]).toEqual([undefined, undefined])
  })
  test('without descriptors it goes on by what needs none', () => {
    const guard = createMemoryGuard({
      limits: { max_memory: { bytes: 2 ** 40 }, refuse_above_memory: 0.8 },
      log: { warn: () => undefined, info: () => undefined },
    })
    const before = guard.use()
    const memoryUsage = vi.spyOn(process, 'memoryUsage').mockImplementation(() => {
      throw Object.assign(new Error('EMFILE: too many open files, uv_resident_set_memory'), { code: 'EMFILE' })
    })
    try {
      expect(guard.refusesNow()).toBeUndefined()
      expect(guard.use().heap / before.heap).toBeGreaterThan(0.5)
      expect(guard.use().process / before.process).toBeGreaterThan(0.5)
    } finally {
      memoryUsage.mockRestore()
    }
  })
  test("Node's own collector is found, and gives back what nobody holds", () => {
    let held: unknown[] | undefined = Array.from({ length: 200_000 }, (_, i) => ({ i }))
    const before = process.memoryUsage().heapUsed
    const guard = createMemoryGuard({
      limits: { max_memory: { bytes: 33 * MIB }, refuse_above_memory: 0.01 },
      log: { warn: () => undefined, info: () => undefined } as never,
    })
    expect(held).toHaveLength(200_000)
    held = undefined
    guard.look()
    expect(guard.refuses).toMatch(/the process has/)
    expect(process.memoryUsage().heapUsed).toBeLessThan(before)
  })
})

describe('what requests may hold', () => {
  test('fits above the mark, and is what is configured where there is more', () => {
    const small = boundsWithin(DEFAULT_CONFIG, 256 * MIB)
    expect(Math.round(small.maxInflightBytes / MIB)).toBe(51)
    expect([small.limits.maxBodyBytes, small.limits.maxDecompressedBytes]).toEqual([small.maxInflightBytes, small.maxInflightBytes])
    for (const bytes of [4 * 2 ** 30, undefined]) {
      const large = boundsWithin(DEFAULT_CONFIG, bytes)
      expect([large.maxInflightBytes, large.limits.maxBodyBytes, large.limits.maxDecompressedBytes]).toEqual([
        256 * MIB,
        64 * MIB,
        128 * MIB,
      ])
    }
  })
  test('several processes have a share each', () => {
    const config = { ...DEFAULT_CONFIG, limits: { ...DEFAULT_CONFIG.limits, max_memory: { bytes: 1000 * MIB } } }
    expect(configOf(config, 1, 4).limits.max_memory).toEqual({ bytes: 250 * MIB })
    expect(configOf({ ...config, limits: { ...config.limits, max_memory: 'off' } }, 0, 4).limits.max_memory).toBe('off')
  })
})
