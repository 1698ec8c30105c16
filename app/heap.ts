/**
 * How V8 is told to treat what spans are made of while they are read: dead within milliseconds, all of it.
 */
import { setFlagsFromString } from 'node:v8'

/**
 * V8 begins to allocate in old space what a line of code makes, once most of what it made lived through one collection of the young. Of spans that
 * is chance, and from then on they stay until everything is collected, with whatever young things they lead to. Without it a GenAI span took 9.3 →
 * 8.6 µs of CPU in a server under load (docs/decisions/0017-state.md). For code that is compiled from now on: to be called at the start.
 */
export function keepYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
