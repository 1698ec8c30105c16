/** Stacks → a flame graph as one SVG file: width is CPU time, callees stand on their callers, colour is the part of the code. */
import type { Frame, Stack } from './stacks.ts'

const WIDTH = 1200
const ROW = 17
const TOP = 58
/** Narrower frames are left out. */
const MIN_WIDTH = 1.5
const CHARACTER = 6.1
const COLOURS: Readonly<Record<string, string>> = {
  decode: '#8fb8de',
  dialects: '#9cc69b',
  'held and remembered state': '#e8b17a',
  assembly: '#f2d37e',
  checks: '#d7c4e8',
  'prices and metrics': '#e39a94',
  pipeline: '#c9ccd1',
  'garbage collector': '#8d939c',
  Node: '#e6e8eb',
}

interface Tree {
  readonly frame: Frame
  microseconds: number
  readonly children: Map<string, Tree>
}

export function drawing(stacks: readonly Stack[], title: string): string {
  const root = treeOf(stacks)
  const scale = WIDTH / root.microseconds
  const boxes: string[] = []
  let deepest = 0
  const draw = (tree: Tree, x: number, depth: number): void => {
    const width = tree.microseconds * scale
    if (width < MIN_WIDTH) return
    deepest = Math.max(deepest, depth)
    boxes.push(boxOf(tree, { x, y: TOP + depth * ROW, width, share: tree.microseconds / root.microseconds }))
    let at = x
    for (const child of [...tree.children.values()].sort((a, b) => b.microseconds - a.microseconds)) {
      draw(child, at, depth + 1)
      at += child.microseconds * scale
    }
  }
  draw(root, 0, 0)
  const height = TOP + (deepest + 1) * ROW + 8
  let right = 0
  const legend = Object.entries(COLOURS).map(([part, colour]) => {
    const x = right
    right += 30 + part.length * CHARACTER
    return `<rect x="${x.toFixed(0)}" y="28" width="11" height="11" fill="${colour}"/><text x="${(x + 15).toFixed(0)}" y="38">${part}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10" fill="#1f2329">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="0" y="16" font-size="13">${escaped(title)}</text>
${legend.join('\n')}
${boxes.join('\n')}
</svg>
`
}

function treeOf(stacks: readonly Stack[]): Tree {
  const root: Tree = { frame: { name: 'all', part: 'pipeline' }, microseconds: 0, children: new Map() }
  for (const { frames, microseconds } of stacks) {
    root.microseconds += microseconds
    let at = root
    for (const frame of frames) {
      let child = at.children.get(frame.name)
      if (child === undefined) at.children.set(frame.name, (child = { frame, microseconds: 0, children: new Map() }))
      child.microseconds += microseconds
      at = child
    }
  }
  return root
}

function boxOf({ frame }: Tree, at: { readonly x: number; readonly y: number; readonly width: number; readonly share: number }): string {
  const letters = Math.floor((at.width - 4) / CHARACTER)
  const label = letters < 3 ? '' : `<text x="${(at.x + 2).toFixed(1)}" y="${at.y + 12}">${escaped(frame.name.slice(0, letters))}</text>`
  const tooltip = `<title>${escaped(frame.name)} ${(at.share * 100).toFixed(1)} %</title>`
  return `<g>${tooltip}<rect x="${at.x.toFixed(1)}" y="${at.y}" width="${Math.max(0, at.width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${COLOURS[frame.part] ?? '#eee'}"/>${label}</g>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
