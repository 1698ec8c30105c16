/**
 * Compiles processor/decode/assembly (AssemblyScript) and writes it as a module that needs no file beside it: `npm run generate`.
 * `--check` only tells whether what is there is what comes out.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import asc from 'assemblyscript/asc'

const SOURCE = 'processor/decode/assembly/span-walk.ts'
export const TARGET = 'processor/decode/span-walk-wasm.ts'
const TOP = join(import.meta.dirname, '..')
/** No runtime and no checks of its own: it allocates nothing, and WebAssembly keeps it in its memory. 64 KiB a page. */
const PAGES = '24'
const OPTIONS = [
  '-O3',
  '--noAssert',
  '--runtime',
  'stub',
  '--use',
  'abort=',
  '--enable',
  'simd',
  '--initialMemory',
  PAGES,
  '--maximumMemory',
  PAGES,
]

/** What TARGET must hold. @throws Error with the compiler's words */
export async function assemble(): Promise<string> {
  let binary = Buffer.alloc(0)
  const words: string[] = []
  const { error } = await asc.main([SOURCE, '--baseDir', TOP, '--outFile', 'out.wasm', ...OPTIONS], {
    readFile: (name, base) => read(join(base, name)),
    writeFile: (_name, contents) => void (binary = Buffer.from(contents as Uint8Array)),
    listFiles: () => [],
    stderr: { write: (text) => void words.push(String(text)) },
  })
  if (error !== null) throw new Error(`${SOURCE} does not compile: ${words.join('')}`)
  return `/** ${SOURCE} as WebAssembly, made by \`npm run generate\`: change it there. */
export const SPAN_WALK_WASM =
  '${binary.toString('base64')}'
`
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const wanted = await assemble()
  const isCurrent = read(join(TOP, TARGET)) === wanted
  if (isCurrent) process.stdout.write(`${TARGET} is up to date\n`)
  else if (process.argv.includes('--check')) {
    process.stdout.write(`${TARGET} is not what the compiler writes; run: npm run generate\n`)
    process.exitCode = 1
  } else {
    writeFileSync(join(TOP, TARGET), wanted)
    process.stdout.write(`${TARGET} written\n`)
  }
}
