/** Was it the prompt? A new prompt version, or a new hash of the system instructions. */
import type { CauseFile } from './cause.ts'
import { versionFindings } from './versions.ts'

export const prompt: CauseFile = (c) => versionFindings(c, 'prompt_version', 'prompt')
