/** Our version, for the instrumentation scope. Read from package.json beside the sources or above dist/. */
import { readFileSync } from 'node:fs'

function read(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as { name?: string; version?: string }
      if (name === 'agentopz' && version !== undefined) return version
    } catch {
      // The other place has it.
    }
  }
  return ''
}

export const VERSION = read()
