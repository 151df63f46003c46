/** A case's rows as a table or as lines of JSON, with the goals and what became of them. */
import { FIGURES, type Figure, type Goal, type RegistryCase, type Row } from './contract.ts'

export interface Measured {
  readonly peer: string
  readonly rows: readonly Row[]
}

const SKEIN = 'skein'
const NAMES = Object.keys(FIGURES) as Figure[]

export function jsonLines({ name, goals }: RegistryCase, measured: readonly Measured[]): string[] {
  const rows = measured.flatMap(({ peer, rows: found }) =>
    found.map((row) => ({
      bench: 'registry',
      case: name,
      peer,
      row: row.name,
      ...row.figures,
      ...ratios(row, measured),
    })),
  )
  const judged = goals.map((goal) => ({ bench: 'registry', case: name, goal, ...judge(goal, measured) }))
  return [...rows, ...judged].map((line) => JSON.stringify(line))
}

/** Skein ÷ Consul of the same row, on the lines of Consul. */
function ratios(row: Row, measured: readonly Measured[]): { ratio?: Partial<Record<Figure, number>> } {
  const own = figuresOf(measured, SKEIN, row.name)
  const found = figuresOf(measured, 'consul', row.name)
  if (own === undefined || found !== row.figures) return {}
  return {
    ratio: Object.fromEntries(NAMES.flatMap((name) => (found[name] ? [[name, (own[name] ?? 0) / found[name]]] : []))),
  }
}

const figuresOf = (measured: readonly Measured[], peer: string, row: string) =>
  measured.find((one) => one.peer === peer)?.rows.find(({ name }) => name === row)?.figures

interface Verdict {
  readonly value: number | undefined
  /** Undefined = there is nothing to compare with. */
  readonly reached: boolean | undefined
}

export function judge({ row, figure, against, atLeast, atMost }: Goal, measured: readonly Measured[]): Verdict {
  const own = figuresOf(measured, SKEIN, row)?.[figure]
  const rival =
    against === undefined
      ? 1
      : figuresOf(measured, against === 'consul' ? 'consul' : SKEIN, against === 'consul' ? row : against.row)?.[figure]
  if (own === undefined || rival === undefined) return { value: undefined, reached: undefined }
  const value = own / rival
  return { value, reached: value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity) }
}

export function table({ name, what, goals }: RegistryCase, measured: readonly Measured[]): string {
  const used = NAMES.filter((one) =>
    measured.some(({ rows }) => rows.some(({ figures }) => figures[one] !== undefined)),
  )
  const head = ['', ...used.map((one) => FIGURES[one])]
  const rows = (measured[0]?.rows ?? []).flatMap((row) =>
    measured.map(({ peer }) => {
      const figures = figuresOf(measured, peer, row.name) ?? {}
      return [`${row.name}, ${peer}`, ...used.map((one) => shown(figures[one]))]
    }),
  )
  const line = ([first, ...cells]: string[]) =>
    `  ${first!.padEnd(24)}${cells.map((cell) => cell.padStart(11)).join('')}`
  return [`${name}: ${what}`, line(head), ...rows.map(line), ...goals.map((goal) => goalLine(goal, measured))].join(
    '\n',
  )
}

const shown = (value: number | undefined) =>
  value === undefined ? '–' : value.toFixed(value < 10 && !Number.isInteger(value) ? 2 : value < 100 ? 1 : 0)

function goalLine(goal: Goal, measured: readonly Measured[]): string {
  const { row, figure, against, atLeast, atMost } = goal
  const { value, reached } = judge(goal, measured)
  const rival = against === undefined ? '' : ` ÷ ${against === 'consul' ? 'consul' : against.row}`
  const bound = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`
  const verdict = reached === undefined ? 'not measured' : `${value!.toFixed(2)} ${reached ? 'reached' : 'LOST'}`
  return `  goal: ${row}, ${FIGURES[figure]}${rival} ${bound}: ${verdict}`
}
