/** What a fault script is: one file of `test/faults/` with a fault as its default export. `run.ts` finds it by itself. */
import type { Random } from '../../../src/core/random.ts'
import type { Skip } from '../../support/needs.ts'

/** `ci` runs on every change and has seconds, `normal` is what one waits for, `long` is for the night. */
export type Size = 'ci' | 'normal' | 'long'

export interface Fault {
  /** As the file is called. */
  readonly name: string
  /** One line: what breaks, and how it is made to. */
  readonly what: string
  /** Whether it belongs to the runs of CI; there it has `ci` as its size. */
  readonly ci: boolean
  /** True when it measures times or shares that others' load would spoil: CI runs the others several at a time. */
  readonly alone?: boolean
  /** Why it cannot run here (a program, root, a loop device), or false. Called once, before `run`. */
  skip?(): Skip
  /** What is beyond it is cut off and red. Default: 60 s in CI, 5 minutes normally, an hour when long. */
  readonly limitMs?: Readonly<Partial<Record<Size, number>>>
  /**
   * Makes the fault and measures. No row = red, as is an error. What it starts it hands to `context.after`, so that
   * nothing is left over when it fails in between.
   */
  run(context: FaultContext): Promise<readonly Row[]>
}

/** A measured figure with its threshold. */
export interface Row {
  readonly figure: string
  /** NaN is red: no number, no proof. */
  readonly value: number
  /** `ms`, `writes`, `%` … */
  readonly unit: string
  /** At least one of both, except for a figure that only tells (`info`). */
  readonly atMost?: number
  readonly atLeast?: number
  readonly info?: boolean
  /** Out of how many cases. */
  readonly of?: number
  /** The first case that went wrong, or how it was measured. */
  readonly detail?: string | undefined
}

export interface FaultContext {
  readonly size: Size
  readonly seed: number
  /** Drawn from the seed: the same seed gives the same fault. */
  readonly random: Random
  /** An empty folder of the fault's own, removed at the end. */
  readonly dir: string
  /** The one of three that fits the size. */
  pick<T>(choice: Readonly<Record<Size, T>>): T
  /** A line of progress, on standard error. */
  log(line: string): void
  /** Runs when the fault is over, last given first; also after an error and when the limit cuts it off. */
  after(end: () => void | Promise<void>): void
}
