/**
 * How V8 is told to treat what requests and spans are made of: dead within milliseconds, nearly all of it, on the heap and beside it.
 */
import { setFlagsFromString } from 'node:v8'

/**
 * For code that is compiled and memory that is taken from now on: to be called at the start.
 *
 * - V8 begins to allocate in old space what a line of code makes, once most of what it made lived through one collection of the young. Of
 *   spans that is chance, and from then on they stay until everything is collected, with whatever young things they lead to. Without it a
 *   GenAI span took 9.3 → 8.6 µs of CPU in a server under load (docs/decisions/0017-state.md).
 * - Memory beside the heap, which is request bodies, has everything collected whenever it grew by 64 MiB, however large the heap is. As part of
 *   the limit that the heap has, it is a fifth as often (docs/decisions/0022-overload.md).
 */
export function setHeapFlags(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  // Before V8 13.6, of Node 24, there was no such flag, and V8 says so on stderr.
  if (isAtLeast(process.versions.v8, 13, 6)) setFlagsFromString('--external-memory-accounted-in-global-limit')
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  return a > major || (a === major && b >= minor)
}
