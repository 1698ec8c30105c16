/** Reading request bodies that nobody checked: every step may be missing or of another type. */

export type Json = Readonly<Record<string, unknown>>

/** The value when it is an object, else an empty one. */
export function object(v: unknown): Json {
  return typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Json) : {}
}

/** The value when it is a list, else an empty one. */
export function list(v: unknown): readonly unknown[] {
  return Array.isArray(v) ? (v as readonly unknown[]) : []
}

/** The value when it is text, else ''. */
export function text(v: unknown): string {
  return typeof v === 'string' ? v : ''
}

/** All text within a message's content, whatever the provider calls its parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  return list(content)
    .map((part) => {
      const p = object(part)
      return text(p['text']) || text(p['input_text']) || text(p['content'])
    })
    .join(' ')
}
