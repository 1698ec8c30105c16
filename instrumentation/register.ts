/**
 * `node --import agentopz/register app.js`: an unmodified agent emits GenAI spans, knows its release, and can be stopped, broken, limited and
 * rolled back from outside. AGENTOPZ_DISABLED=true switches it off; nothing in it throws. Without top-level await, so that --require works too.
 */
import { contained } from './log.ts'
import { start } from './start.ts'

contained('register', () => start())
