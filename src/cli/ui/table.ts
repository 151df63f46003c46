/** Columns for people: as wide as their widest cell, two spaces between. */
import { stripVTControlCharacters } from 'node:util'
import type { Paint } from './terminal.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Lines of a table; cells may carry colours, an empty one is shown as a dash. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string[] {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => width(cell(row, i)))))
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => pad(cells[i]!, widths[i]!, align))
      .join('  ')
      .trimEnd()
  return [
    line(columns.map(({ title }) => paint('dim', title))),
    ...rows.map((row) => line(columns.map((_, i) => cell(row, i)))),
  ]
}

/** Pairs under each other: the left column as wide as its widest, further lines of the right one below its first. */
export function pairs(entries: readonly (readonly [string, string])[], indent = '  '): string[] {
  const widest = Math.max(0, ...entries.map(([left]) => width(left)))
  const below = `\n${indent}${' '.repeat(widest)}  `
  return entries.map(([left, right]) => `${indent}${pad(left, widest)}  ${right.replaceAll('\n', below)}`.trimEnd())
}

/** Characters that are seen. */
export function width(text: string): number {
  return stripVTControlCharacters(text).length
}

export function pad(text: string, to: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, to - width(text)))
  return align === 'left' ? text + space : space + text
}

function cell(row: readonly string[], index: number): string {
  const text = row[index]
  return text === undefined || text === '' ? '–' : text
}
