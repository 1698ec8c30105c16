/**
 * The contenders as they are installed: agentopz compiled, and the OpenTelemetry Collector, built by its own builder from the Go module proxy with only what the comparison needs, once. Where Go is
 * missing there is no Collector, and the reason is given in a word that a person can act on.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from '../../app/child-program.ts'

export const COLLECTOR_VERSION = '0.159.0'
const TOP = join(import.meta.dirname, '../..')
const PROVIDERS_VERSION = '1.65.0'
const CORE = 'go.opentelemetry.io/collector'
const CONTRIB = 'github.com/open-telemetry/opentelemetry-collector-contrib'

const MANIFEST = `dist: { name: otelcol-bench, module: example.test/otelcol-bench, output_path: ./build, version: ${COLLECTOR_VERSION} }
receivers:
  - gomod: ${CORE}/receiver/otlpreceiver v${COLLECTOR_VERSION}
exporters:
  - gomod: ${CORE}/exporter/otlphttpexporter v${COLLECTOR_VERSION}
  - gomod: ${CONTRIB}/exporter/prometheusexporter v${COLLECTOR_VERSION}
connectors:
  - gomod: ${CONTRIB}/connector/spanmetricsconnector v${COLLECTOR_VERSION}
providers:
  - gomod: ${CORE}/confmap/provider/envprovider v${PROVIDERS_VERSION}
  - gomod: ${CORE}/confmap/provider/fileprovider v${PROVIDERS_VERSION}
  - gomod: ${CORE}/confmap/provider/yamlprovider v${PROVIDERS_VERSION}
`

export interface Built {
  readonly program: string
  readonly go: string
}

/** agentopz as npm installs it: what strips types from sources when they run would be in its memory. */
export function buildAgentopz(dir: string): string {
  const out = join(dir, 'agentopz')
  rmSync(out, { recursive: true, force: true })
  const compiler = join(TOP, 'node_modules/.bin/tsc')
  execFileSync(process.execPath, [compiler, '-p', join(TOP, 'tsconfig.build.json'), '--outDir', out], { stdio: 'inherit' })
  return join(out, 'app/cli.js')
}

/** The Collector's program, built in `dir` unless it is there already; a sentence where that cannot be done. */
export function buildCollector(dir: string): Built | string {
  const go = findProgram(['go'], `${process.env['PATH'] ?? ''}:/usr/local/go/bin`)
  if (go === undefined)
    return 'skipped: Go is not installed, and the Collector is built from source. Install Go 1.26 or later and run it again.'
  const at = join(dir, `otelcol-${COLLECTOR_VERSION}`)
  const program = join(at, 'build/otelcol-bench')
  const env = { ...process.env, GOBIN: at, PATH: `${process.env['PATH'] ?? ''}:${join(go, '..')}` }
  try {
    const version = execFileSync(go, ['env', 'GOVERSION'], { encoding: 'utf8', env }).trim()
    if (!existsSync(program)) {
      process.stderr.write('building the Collector, a few minutes …\n')
      mkdirSync(at, { recursive: true })
      writeFileSync(join(at, 'builder.yaml'), MANIFEST)
      const options = { env, cwd: at, stdio: ['ignore', 'ignore', 'inherit'] as ['ignore', 'ignore', 'inherit'] }
      execFileSync(go, ['install', `${CORE}/cmd/builder@v${COLLECTOR_VERSION}`], options)
      execFileSync(join(at, 'builder'), ['--config', 'builder.yaml'], options)
    }
    return { program, go: version }
  } catch (error) {
    return `skipped: the Collector could not be built in ${at} (${String(error).split('\n')[0]}). Look there with: ./builder --config builder.yaml`
  }
}
