/**
 * What an integration is: one file that makes one SDK or framework tell what it does, and lets guards step in where the framework has a seam.
 * It patches as little as there is; what the framework tells by itself is left to it. Its code must not be able to disturb the application:
 * patches are put in through `contained`, and what they call of ours never throws.
 */

/** Where the exports come from. */
export interface Where {
  readonly format: 'esm' | 'cjs'
  readonly path: string
  /** Puts another value in the place of an export, also where a bundler made the exports read-only getters. */
  set(name: string, value: unknown): void
}

/** A module to be patched when the application loads it. */
export interface ModulePatch {
  /** Package name, as in node_modules. */
  readonly package: string
  /**
   * File inside the package whose exports are patched, `/` as separator (`dist/callbacks/manager.js`); the package's entry when left out.
   * Both the ESM and the CJS file must match.
   */
  readonly file?: RegExp
  /**
   * Changes the exports in place (methods of classes, properties of objects), or through `where.set` where a binding itself must be another
   * one: whoever imports or requires the module then gets that one. The same class may be reached twice (by import and by require): mark
   * what is patched. Returns false when what it looks for is not there yet (a circular require); it is then called again.
   */
  patch(exports: Record<string, unknown>, where: Where): boolean | void
}

export interface Integration {
  readonly name: string
  readonly modules?: readonly ModulePatch[]
  /** What needs no module: globals of the framework, environment variables, diagnostics channels. Called once, before the application. */
  start?(): void
}
