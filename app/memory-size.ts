/** An amount of memory as it is written in configurations and options: bytes, like 512MiB, like 80%, auto or off. */
import { z } from 'zod'

export type MemorySize = 'auto' | 'off' | { readonly bytes: number } | { readonly share: number }

const UNIT: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30 }

/** Reads it as it is written; undefined when it is none. Less than 32 MiB is none: Node does not start in it. */
export function memorySizeOf(text: string | number): MemorySize | undefined {
  if (text === 'auto' || text === 'off') return text
  const [, amount = '', percent, unit = ''] = /^(\d+(?:\.\d+)?)(?:(%)|([kmg]i?)?b?)$/i.exec(String(text).trim()) ?? []
  if (amount === '') return undefined
  if (percent !== undefined) return Number(amount) > 0 && Number(amount) <= 100 ? { share: Number(amount) / 100 } : undefined
  const bytes = Math.floor(Number(amount) * (UNIT[unit.toLowerCase()] ?? Number.NaN))
  return bytes >= 32 * 2 ** 20 ? { bytes } : undefined
}

/** For configurations; `off` may have been read as false. */
export const memorySize = z
  .union([z.string(), z.number(), z.literal(false)], { error: 'expected bytes, a size such as 512MiB, a share such as 80%, auto or off' })
  .transform((v, context): MemorySize => {
    const size = memorySizeOf(v === false ? 'off' : v)
    if (size !== undefined) return size
    context.addIssue({
      code: 'custom',
      message: `"${String(v)}" is no amount of memory; write something like 512MiB (32MiB at least), 80%, auto or off`,
    })
    return z.NEVER
  })
