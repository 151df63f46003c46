/** Results as people and as programs read them. */
import type { Row } from './contract.ts'

export type Verdict = 'ok' | 'FAIL' | 'skip' | 'info'

export interface Result {
  readonly name: string
  readonly what: string
  readonly tookMs: number
  readonly rows: readonly (Row & { readonly verdict: Verdict })[]
  /** Why it did not run. */
  readonly skipped?: string
  /** Why it could not be measured. */
  readonly error?: string
}

export function judge(row: Row): Verdict {
  if (row.info === true) return 'info'
  const bounded = row.atMost !== undefined || row.atLeast !== undefined
  const holds = row.value <= (row.atMost ?? Infinity) && row.value >= (row.atLeast ?? -Infinity)
  return bounded && holds ? 'ok' : 'FAIL'
}

export function failed({ rows, error, skipped }: Result): boolean {
  if (skipped !== undefined) return false
  return error !== undefined || rows.length === 0 || rows.some(({ verdict }) => verdict === 'FAIL')
}

const COLUMNS = ['fault', 'figure', 'measured', 'threshold', 'n', ''] as const

/** One line a figure, columns aligned; details of what failed below their line. */
export function table(results: readonly Result[]): string {
  const lines: { cells: readonly string[]; below: string | undefined }[] = results.flatMap(linesOf)
  const all = [COLUMNS as readonly string[], ...lines.map(({ cells }) => cells)]
  const widths = COLUMNS.map((_, i) => Math.max(...all.map((cells) => cells[i]!.length)))
  const layOut = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 2 || i === 4 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  const body = lines.flatMap(({ cells, below }) => [layOut(cells), ...(below === undefined ? [] : [`    ${below}`])])
  return [layOut(COLUMNS), layOut(widths.map((width) => '─'.repeat(width))), ...body].join('\n')
}

function linesOf(result: Result): { cells: readonly string[]; below: string | undefined }[] {
  const { name, rows, error, skipped } = result
  const measured = rows.map((row, i) => ({
    cells: [
      i === 0 ? name : '',
      row.figure,
      show(row.value, row.unit),
      threshold(row),
      String(row.of ?? ''),
      row.verdict,
    ],
    below: row.detail,
  }))
  const first = measured.length === 0 ? name : ''
  if (skipped !== undefined) return [{ cells: [name, 'skipped', '', '', '', 'skip'], below: skipped }]
  if (error !== undefined) return [...measured, { cells: [first, 'broke off', '', '', '', 'FAIL'], below: error }]
  if (measured.length === 0) return [{ cells: [name, 'no figure', '', '', '', 'FAIL'], below: undefined }]
  return measured
}

function threshold({ atMost, atLeast, unit }: Row): string {
  const parts = [atLeast !== undefined && `≥ ${show(atLeast, unit)}`, atMost !== undefined && `≤ ${show(atMost, unit)}`]
  return parts.filter((part) => part !== false).join(', ')
}

function show(value: number, unit: string): string {
  const rounded = Number.isInteger(value) || !Number.isFinite(value) ? value : Number(value.toPrecision(3))
  return `${rounded} ${unit}`.trim()
}
