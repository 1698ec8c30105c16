/** Values as Grafana would write them, for the units our dashboards have, and its colours by name. */

/** A number in a unit. */
export function written(value: number, unit: string, decimals?: number): string {
  if (!Number.isFinite(value)) return '–'
  switch (unit) {
    case 'percentunit':
      return `${fixed(value * 100, decimals ?? (Math.abs(value) < 0.1 ? 1 : 0))} %`
    case 'currencyUSD':
      return `$${fixed(value, decimals ?? (Math.abs(value) < 0.1 ? 4 : 2))}`
    case 's':
      return seconds(value, decimals)
    case 'bytes':
      return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], decimals)
    case 'Bps':
      return `${scaled(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB'], decimals)}/s`
    case 'reqps':
      return `${short(value, decimals)} req/s`
    case 'dateTimeAsIso':
      return new Date(value).toISOString().slice(0, 16).replace('T', ' ')
    case 'none':
      return fixed(value, decimals ?? (Number.isInteger(value) ? 0 : 2))
    default:
      return short(value, decimals)
  }
}

/** A number at an axis: as short as it can be. */
export function tick(value: number, unit: string): string {
  const v = unit === 'percentunit' ? value * 100 : value
  const places = v === 0 || Number.isInteger(v) ? 0 : Math.min(6, Math.max(1, 2 - Math.floor(Math.log10(Math.abs(v)))))
  if (unit === 's' || unit === 'bytes' || unit === 'Bps' || Math.abs(v) >= 1000)
    return written(value, unit)
      .replace(/(\.\d*?)0+(?= |$)/, '$1')
      .replace(/\.(?= |$)/, '')
  const bare = v
    .toFixed(places)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')
  if (unit === 'currencyUSD') return `$${bare}`
  return unit === 'percentunit' ? `${bare} %` : unit === 'reqps' ? `${bare} req/s` : bare
}

function short(value: number, decimals?: number): string {
  return scaled(value, 1000, ['', 'K', 'Mil', 'Bil', 'Tri'], decimals)
}

function scaled(value: number, base: number, names: readonly string[], decimals?: number): string {
  let at = 0
  let v = value
  while (Math.abs(v) >= base && at < names.length - 1) {
    v /= base
    at++
  }
  const places =
    at === 0 && decimals !== undefined ? decimals : Number.isInteger(v) ? 0 : Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2
  return `${fixed(v, places)}${names[at] === '' ? '' : ` ${names[at] ?? ''}`}`
}

function seconds(value: number, decimals?: number): string {
  const v = Math.abs(value)
  if (v === 0) return '0 s'
  if (v < 0.001) return `${fixed(value * 1e6, decimals ?? 0)} µs`
  if (v < 1) return `${fixed(value * 1000, decimals ?? 0)} ms`
  if (v < 60) return `${fixed(value, decimals ?? (Number.isInteger(value) ? 0 : 1))} s`
  if (v < 3600) return `${fixed(value / 60, 1)} min`
  return `${fixed(value / 3600, 1)} h`
}

function fixed(value: number, places: number): string {
  return value.toFixed(places).replace(/^-(0(\.0+)?)$/, '$1')
}

const NAMED: Readonly<Record<string, string>> = {
  green: '#73bf69',
  yellow: '#f2cc0c',
  orange: '#ff9830',
  red: '#f2495c',
  blue: '#5794f2',
  purple: '#b877d9',
  text: '#ccccdc',
  transparent: 'transparent',
}
const PALETTE = [
  '#73bf69',
  '#f2cc0c',
  '#8ab8ff',
  '#ff9830',
  '#f2495c',
  '#5794f2',
  '#b877d9',
  '#705da0',
  '#37872d',
  '#fade2a',
  '#56a64b',
  '#ffa6b0',
]

/** A named colour as it is drawn. */
export function colour(name: string): string {
  return NAMED[name] ?? name
}
/** The nth colour of series that have none of their own. */
export function paletteColour(at: number): string {
  return PALETTE[at % PALETTE.length] ?? '#73bf69'
}
