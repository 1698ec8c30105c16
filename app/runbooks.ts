/**
 * The runbooks that alerts link to: alert name → its Markdown from alert-rules/runbooks/, as text or as a bare HTML page.
 * Names come from the table of alerts, never from the request, so nothing else on the disk can be asked for. Markdown is shown as it is,
 * escaped: a runbook is read in a terminal or a browser at night, and needs no renderer that could be wrong.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ALERTS, type AlertName } from '../model/alerts.ts'
import { nearest } from './nearest.ts'

export const RUNBOOK_NAMES = Object.keys(ALERTS) as readonly AlertName[]
const FOLDER = 'alert-rules/runbooks'

/** Whether there is an alert of this name. */
export function isAlertName(name: string): name is AlertName {
  return Object.hasOwn(ALERTS, name)
}

/** The runbook's Markdown; undefined where an installation ships without it. */
export function runbook(name: AlertName): string | undefined {
  const file = runbookFile(name)
  return file === undefined ? undefined : readFileSync(file, 'utf8')
}

/** In the repository sources run as they are; in the package they sit one deeper, in dist. */
function runbookFile(name: AlertName): string | undefined {
  return ['../', '../../'].map((up) => fileURLToPath(new URL(`${up}${FOLDER}/${name}.md`, import.meta.url))).find((f) => existsSync(f))
}

/** Up to three names of alerts most like the one that was asked for. */
export function nearestNames(asked: string): readonly AlertName[] {
  return nearest(asked, RUNBOOK_NAMES)
}

/** GET /runbooks as Markdown. */
export function runbookList(): string {
  const rows = RUNBOOK_NAMES.map((name) => `- [${name}](/runbooks/${name}): ${ALERTS[name].title} (${ALERTS[name].severity})`)
  return `# Runbooks\n\n${rows.join('\n')}\n`
}

/** GET /runbooks as HTML. */
export function runbookListPage(): string {
  const rows = RUNBOOK_NAMES.map(
    (name) =>
      `<li><a href="/runbooks/${name}">${name}</a>: ${escaped(ALERTS[name].title)} <small>(${escaped(ALERTS[name].severity)})</small>`,
  )
  return document('Runbooks', `<h1>Runbooks</h1><ul>${rows.join('')}</ul>`)
}

/** A runbook as HTML: its Markdown, escaped. */
export function runbookPage(name: AlertName, markdown: string): string {
  return document(name, `<p><a href="/runbooks">all runbooks</a></p><pre>${escaped(markdown)}</pre>`)
}

function document(title: string, body: string): string {
  const style = 'body{font:15px/1.5 sans-serif;max-width:70em;margin:1em auto;padding:0 1em}pre{white-space:pre-wrap}'
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)} · agentopz</title><style>${style}</style>${body}</html>\n`
}

const ENTITY: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (c) => ENTITY[c] ?? c)
}
