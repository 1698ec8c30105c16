/**
 * `node --import agentopz/register app.js`: an unmodified agent emits GenAI spans, knows its release, and can be stopped, broken, limited and
 * rolled back from outside. AGENTOPZ_DISABLED=true switches it off; nothing in it throws.
 */
import { contained } from './log.ts'
import { start } from './start.ts'

contained('register', () => start())
