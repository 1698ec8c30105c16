/**
 * `node --import agentopz/register app.js`: an unmodified agent emits GenAI spans, knows its release, and can be stopped, broken, limited and
 * rolled back from outside. AGENTOPZ_DISABLED=true switches it off; nothing in it throws.
 */
import { bug } from './log.ts'

// Switched off, not even our own modules are loaded.
if (!/^(true|1)$/i.test(process.env['AGENTOPZ_DISABLED']?.trim() ?? ''))
  try {
    const { start } = await import('./start.ts')
    start()
  } catch (error) {
    bug('register', error)
  }
