/** Go's durations as text: `10s`, `1h30m`, `1.5s`, `120000ms` (time.ParseDuration, time.Duration.String). */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
/** Go counts nanoseconds in 63 bits: 292 years. */
const MAX_MS = 2 ** 63 / 1e6
const PART = /^(\d+\.?\d*|\.\d+)([^\d.]*)/

/**
 * Milliseconds.
 * @throws RangeError with Go's text when it is none.
 */
export function parseDuration(text: string): number {
  const quoted = JSON.stringify(text)
  const negative = text.startsWith('-')
  let rest = negative || text.startsWith('+') ? text.slice(1) : text
  if (rest === '0') return 0
  if (rest === '') throw new RangeError(`time: invalid duration ${quoted}`)
  let total = 0
  while (rest !== '') {
    const part = PART.exec(rest)
    if (part === null) throw new RangeError(`time: invalid duration ${quoted}`)
    const unit = part[2]!
    if (unit === '') throw new RangeError(`time: missing unit in duration ${quoted}`)
    if (!Object.hasOwn(UNIT_MS, unit)) {
      throw new RangeError(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`)
    }
    total += Number(part[1]) * UNIT_MS[unit]!
    rest = rest.slice(part[0].length)
  }
  if (total >= MAX_MS) throw new RangeError(`time: invalid duration ${quoted}`)
  return negative ? -total : total
}

/** As Go prints it: `1m30s`, `100ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 1e-3) return `${Math.round(ms * 1e6)}ns`
  if (ms < 1) return `${trim(ms * 1e3)}µs`
  if (ms < 1000) return `${trim(ms)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = `${trim((ms % 60_000) / 1000)}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

const trim = (value: number) => String(Number(value.toFixed(6)))
