/** One line of text from a request, for records and terminals: bounded, and without control characters. Empty unless `.min(1)` is asked. */
import { z } from 'zod'

export function oneLine(max: number): z.ZodString {
  return (
    z
      .string()
      .max(max)
      // oxlint-disable-next-line no-control-regex
      .regex(/^[^\u0000-\u001f\u007f]*$/, 'write one line without control characters')
  )
}
