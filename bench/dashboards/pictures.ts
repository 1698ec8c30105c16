/**
 * `npm run pictures`: docs/images/dashboard-*.png, from the dashboards' own panels and queries over a past with an incident in it.
 * Needs prometheus and promtool, Chromium, which turns pages into pictures, and pngquant, which makes them small. Takes a few minutes.
 */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { findProgram } from '../../app/child-program.ts'
import { BOARDS } from '../../dashboards/index.ts'
import { picture } from './picture.ts'
import { makeWorld } from './world.ts'

const OUT = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const say = (message: string): void => void process.stderr.write(`${message}\n`)

async function main(): Promise<number> {
  const program = findProgram(['chromium', 'chromium-browser', 'google-chrome'])
  if (program === undefined || findProgram(['pngquant']) === undefined) {
    say('Chromium or pngquant is not installed. Debian: apt-get install chromium pngquant')
    return 1
  }
  const world = await makeWorld({ days: 2.5, shownHours: 6, rate: 0.25, say })
  const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--font-render-hinting=none'] })
  try {
    mkdirSync(OUT, { recursive: true })
    const shown = { url: world.prometheus.url, start: world.start, end: world.end, exemplars: world.past.exemplars }
    for (const board of BOARDS) {
      const bytes = await picture(board, shown, browser, `${OUT}dashboard-${board.name}.png`)
      say(`docs/images/dashboard-${board.name}.png, ${Math.round(bytes / 1000)} kB`)
    }
    return 0
  } finally {
    await browser.close()
    await world.stop()
  }
}

process.exitCode = await main()
