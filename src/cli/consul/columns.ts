/** Tables as Consul prints them: every column but the last is as wide as its widest cell. */
import { pad, width } from '../ui/table.ts'

/** `gap` spaces between: 2 in tables with a head, 6 in the others. */
export function columns(rows: readonly (readonly string[])[], gap = 2): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, i) => Math.max(...rows.map((row) => width(row[i] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, i) => pad(cell, widths[i]! + gap))
      .join('')
      .trimEnd(),
  )
}
