/** Spans of time in the two units that matter: `4s`, `3m 12s`, `5h 2m`, `2d 4h`. */
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

export function formatDuration(ms: number): string {
  const first = UNITS.findIndex(([, size]) => ms >= size)
  if (first < 0) return '0s'
  const [unit, size] = UNITS[first]!
  const next = UNITS[first + 1]
  const whole = `${Math.floor(ms / size)}${unit}`
  const part = next === undefined ? 0 : Math.floor((ms % size) / next[1])
  return part === 0 ? whole : `${whole} ${part}${next![0]}`
}
