/** The answer has the form it must have: as the SDK reports it, else by the agent's `output` (JSON, JSON Schema or regular expression). */
import { abstain, type Check, fail, finalCall, pass } from './check.ts'

/** Readings keep this many characters of an answer; a longer one cannot be judged. */
export const OUTPUT_TEXT_LIMIT = 4096

export const validOutput: Check = {
  name: 'valid_output',
  source: 'builtin',
  evaluate: (run, { acceptsOutput }) => {
    const final = finalCall(run)
    if (final?.outputInvalid !== undefined)
      return final.outputInvalid ? fail('the SDK could not parse the output') : pass('the SDK parsed the output')
    if (acceptsOutput === undefined) return abstain('no form is asked for')
    const text = final?.outputText
    if (text === undefined) return abstain('no content')
    if (text.length >= OUTPUT_TEXT_LIMIT) return abstain('answer longer than is kept')
    return acceptsOutput(text) ? pass('as asked') : fail('not of the form asked for')
  },
}
