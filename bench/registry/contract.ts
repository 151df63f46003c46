/** What this bench is made of: peers that serve Consul's API, and cases that give rows of figures. */
import type { Running } from '../harness/process.ts'

export interface Peer {
  readonly name: string
  readonly what: string
  /** Starts it on the data in `dir`, durable, and resolves when it takes writes. */
  start(dir: string, port: number): Promise<Running>
}

export type Figure = keyof typeof FIGURES

/** Units are part of the name; the titles are those of the table. */
export const FIGURES = {
  per_s: 'per s',
  cpu_us: 'CPU µs',
  p50_ms: 'p50 ms',
  p99_ms: 'p99 ms',
  last_ms: 'last ms',
  lost: 'lost',
  mb: 'MB',
} as const

export interface Row {
  readonly name: string
  readonly figures: Readonly<Partial<Record<Figure, number>>>
}

/** Skein's figure, or its ratio to that of Consul (`consul`) or of another row of its own, and where it has to be. */
export interface Goal {
  readonly row: string
  readonly figure: Figure
  readonly against?: 'consul' | { readonly row: string }
  readonly atLeast?: number
  readonly atMost?: number
}

export interface Settings {
  /** Length of a measurement that has no number of operations of its own. */
  readonly seconds: number
  /** How many instances are registered, 10,000 where the goals are meant. */
  readonly instances: number
}

export interface Context extends Settings {
  /** Starts the peer on an empty folder, or again on the one that it had; whatever runs is ended after the case. */
  start(): Promise<Started>
}

export interface Started {
  readonly port: number
  readonly pid: number
  /** kill -9. */
  kill(): Promise<void>
}

export interface RegistryCase {
  readonly name: string
  /** One line: what is measured. */
  readonly what: string
  readonly goals: readonly Goal[]
  run(context: Context): Promise<readonly Row[]>
}
