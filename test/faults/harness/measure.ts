/** Runs one fault in a folder and a time of its own, and cleans up after it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Random, seeded } from '../../../src/core/random.ts'
import type { Fault, FaultContext, Row, Size } from './contract.ts'
import { judge, type Result } from './table.ts'

const LIMIT_MS: Readonly<Record<Size, number>> = { ci: 60_000, normal: 300_000, long: 3_600_000 }

export interface Plan {
  readonly size: Size
  readonly seed: number
}

export async function measure(fault: Fault, { size, seed }: Plan): Promise<Result> {
  const { name, what } = fault
  const started = performance.now()
  const base = { name, what }
  const ends: (() => void | Promise<void>)[] = []
  const dir = mkdtempSync(path.join(tmpdir(), `skein-fault-${name}-`))
  const random: Random = seeded(seed)
  const log = (line: string) => console.error(`  ${name}: ${line}`)
  const context: FaultContext = { size, seed, random, dir, log, pick: (of) => of[size], after: (end) => ends.push(end) }
  try {
    const skipped = fault.skip?.() ?? false
    if (skipped !== false) return { ...base, tookMs: 0, rows: [], skipped }
    const rows = await limited(fault.run(context), fault.limitMs?.[size] ?? LIMIT_MS[size])
    return { ...base, tookMs: since(started), rows: judged(rows, size) }
  } catch (error) {
    return { ...base, tookMs: since(started), rows: [], error: inWords(error) }
  } finally {
    for (const end of ends.reverse()) await Promise.resolve(end()).catch((error) => log(`cleaning up: ${error}`))
    rmSync(dir, { recursive: true, force: true })
  }
}

function limited<T>(work: Promise<T>, limitMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`not over within ${limitMs / 1000} s`)), limitMs)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}

const since = (started: number) => Math.round(performance.now() - started)

/** CI's machines are shared, and its scripts run beside each other: there a time may be this many times what is promised. */
const PATIENCE_IN_CI = 4
/** Units of times. */
const TIMES: readonly string[] = ['ms', '× calm']

function judged(rows: readonly Row[], size: Size) {
  return rows.map((row) => {
    const patient = size === 'ci' && TIMES.includes(row.unit) && row.atMost !== undefined
    const bounded = patient ? { ...row, atMost: row.atMost * PATIENCE_IN_CI } : row
    return { ...bounded, verdict: judge(bounded) }
  })
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `: ${inWords(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
