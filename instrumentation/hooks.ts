/**
 * Module hooks: hands the modules that integrations name to their patches when the application loads them, by import or by require, and touches
 * no other module. Synchronous hooks where Node has them working (22.22.3, 24.11.1, 26), the loader thread elsewhere. A bundle has no modules
 * to hook: what works bundled is listed in docs/instrumentation.md.
 */
import Module, { createRequire, register as registerLoader } from 'node:module'
import { fileURLToPath } from 'node:url'
import { addHook } from 'import-in-the-middle'
import { register as registerSync, supportsSyncHooks } from 'import-in-the-middle/register-hooks.mjs'
import type { Integration, ModulePatch } from './integrations/integration.ts'
import { contained, sayOnce } from './log.ts'

interface Place {
  readonly package: string
  readonly file: string
}

/** Package and file inside it of a path below node_modules; the innermost node_modules counts. */
export function placeOf(path: string): Place | undefined {
  const at = path.lastIndexOf('node_modules/')
  if (at < 0) return undefined
  const parts = path.slice(at + 13).split('/')
  const depth = parts[0]?.startsWith('@') === true ? 2 : 1
  return { package: parts.slice(0, depth).join('/'), file: parts.slice(depth).join('/') }
}

/** Installs the hooks for what these integrations patch. */
export function installHooks(integrations: readonly Integration[]): void {
  const patches = integrations.flatMap((i) => (i.modules ?? []).map((m) => ({ integration: i.name, ...m, patch: m.patch.bind(m) })))
  if (patches.length === 0) return
  const byPackage = new Map<string, (ModulePatch & { readonly integration: string })[]>()
  for (const p of patches) byPackage.set(p.package, [...(byPackage.get(p.package) ?? []), p])
  const wanted = (path: string): readonly (ModulePatch & { readonly integration: string })[] => {
    const place = placeOf(path)
    if (place === undefined) return []
    return (byPackage.get(place.package) ?? []).filter((p) => p.file === undefined || p.file.test(place.file))
  }
  hookImports(wanted, [...byPackage.keys()])
  hookRequires(wanted, new Set(byPackage.keys()))
}

type Wanted = (path: string) => readonly (ModulePatch & { readonly integration: string })[]

const done = new WeakMap<object, Set<string>>()

/** Runs the patches of a module once per exports object. Returns the exports to hand out: others only where theirs cannot be changed. */
function apply(patches: ReturnType<Wanted>, exports: unknown, format: 'esm' | 'cjs', path: string): unknown {
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return exports
  const on = exports as Record<string, unknown>
  const fixed: Record<string, PropertyDescriptor> = {}
  const set = (name: string, value: unknown): void => {
    const descriptor = format === 'esm' ? undefined : Object.getOwnPropertyDescriptor(on, name)
    if (descriptor === undefined || descriptor.writable === true || descriptor.set !== undefined) on[name] = value
    else fixed[name] = { value, enumerable: true, configurable: true, writable: true }
  }
  const seen = done.get(exports) ?? new Set<string>()
  done.set(exports, seen)
  for (const p of patches) {
    if (seen.has(p.integration)) continue
    const made = contained(`integration ${p.integration}`, () => p.patch(on, { format, path, set }))
    if (made !== false) seen.add(p.integration)
  }
  if (Object.keys(fixed).length === 0) return exports
  const copy = Object.create(Object.getPrototypeOf(on) as object | null, { ...Object.getOwnPropertyDescriptors(on), ...fixed }) as object
  done.set(copy, seen)
  return copy
}

function hookImports(wanted: Wanted, packages: readonly string[]): void {
  // `node -e`: Node loads its own modules when their names are read there, and import-in-the-middle 3.6 takes such a load for the entry point and fails it.
  if ((process as { _eval?: string })._eval !== undefined) return
  addHook((url, exports) => {
    if (!url.startsWith('file:')) return
    const path = fileURLToPath(url).replaceAll('\\', '/')
    apply(wanted(path), exports, 'esm', path)
  })
  if (supportsSyncHooks()) {
    // Typed for lists only, but documented: one predicate over the resolved URL.
    const options = {
      shouldInclude: (url: string) => url.includes('node_modules') && !url.endsWith('.json') && wanted(pathOf(url)).length > 0,
    }
    registerSync(options as Parameters<typeof registerSync>[0])
    return
  }
  sayOnce('hooks', 'info', `Node ${process.versions.node} has no synchronous module hooks; ESM is hooked through the loader thread`)
  registerLoader('import-in-the-middle/hook.mjs', import.meta.url, {
    data: { include: packages.map((name) => new RegExp(`/node_modules/${name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}/`)) },
  })
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url).replaceAll('\\', '/')
  } catch {
    return ''
  }
}

/** What of Node's CommonJS loader is hooked: its one public-by-use entry, as require-in-the-middle does. */
interface Loader {
  _load(request: string, parent: unknown, isMain: boolean): unknown
  _resolveFilename(request: string, parent: unknown, isMain: boolean): string
  readonly _cache: Readonly<Record<string, { exports: unknown } | undefined>>
}

/**
 * CommonJS: after a module was loaded its exports are patched in place. require-in-the-middle is not used for it: it gives up on packages whose
 * "." export points to a missing file, such as @modelcontextprotocol/sdk.
 */
function hookRequires(wanted: Wanted, packages: ReadonlySet<string>): void {
  const loader = Module as unknown as Loader
  const load = loader._load.bind(loader)
  loader._load = (request, parent, isMain) => {
    const exports = load(request, parent, isMain)
    const from = (parent as { filename?: string } | undefined)?.filename ?? ''
    if (!mayBeWanted(request, from, packages)) return exports
    const handed = contained('require', () => {
      const file = resolved(loader, request, parent, isMain)
      const patches = file === undefined ? [] : wanted(file)
      if (file === undefined || patches.length === 0) return exports
      const changed = apply(patches, exports, 'cjs', file)
      const cached = changed === exports ? undefined : loader._cache[loader._resolveFilename(request, parent, isMain)]
      if (cached !== undefined) cached.exports = changed
      return changed
    })
    return handed ?? exports
  }
}

/** Rules out nearly every require without resolving it: a relative one by who asks, another by the package it names. */
function mayBeWanted(request: string, from: string, packages: ReadonlySet<string>): boolean {
  if (request.startsWith('.') || request.startsWith('/') || request.startsWith('#')) {
    const at = request.startsWith('/') ? placeOf(request.replaceAll('\\', '/')) : placeOf(from.replaceAll('\\', '/'))
    return at !== undefined && packages.has(at.package)
  }
  const [scope = '', name = ''] = request.split('/', 2)
  return packages.has(scope.startsWith('@') ? `${scope}/${name}` : scope)
}

const names = new Map<string, string>()
const MAX_NAMES = 20_000

function resolved(loader: Loader, request: string, parent: unknown, isMain: boolean): string | undefined {
  const from = (parent as { filename?: string } | undefined)?.filename ?? ''
  const key = `${request}\0${from}`
  const known = names.get(key)
  if (known !== undefined) return known
  try {
    const file = loader._resolveFilename(request, parent, isMain).replaceAll('\\', '/')
    if (names.size < MAX_NAMES) names.set(key, file)
    return file
  } catch {
    return undefined
  }
}

/** A package of the application, from the module that asked for ours, where it is installed; for optional peers. */
export function requireFrom(path: string, name: string): unknown {
  try {
    return createRequire(path)(name)
  } catch {
    return undefined
  }
}
