/** How much of what, in words; and how far long work has come. */
import type { Clock } from '../../core/clock.ts'
import type { Output } from '../ui/terminal.ts'
import type { Progress } from './collect.ts'
import type { Part } from './write.ts'

const NAMES: Record<Part, readonly [one: string, many: string]> = {
  kv: ['key', 'keys'],
  queries: ['prepared query', 'prepared queries'],
  catalog: ['entry of other nodes', 'entries of other nodes'],
  services: ['service', 'services'],
  checks: ['check of the node', 'checks of the node'],
  maintenance: ['maintenance', 'maintenances'],
  removed: ['removed instance', 'removed instances'],
}

/** `12 keys, 1 service`; `nothing` */
export function inWords(counts: Readonly<Partial<Record<Part, number>>>): string {
  const parts = Object.entries(counts) as [Part, number][]
  return parts.map(([part, sum]) => `${sum} ${NAMES[part][sum === 1 ? 0 : 1]}`).join(', ') || 'nothing'
}

const SILENCE_MS = 1000

/** One line a second at most: short work says nothing. */
export function progressOn(err: Output, clock: Clock): Progress {
  let last = clock.monotonic()
  return (what) => {
    if (clock.monotonic() - last < SILENCE_MS) return
    last = clock.monotonic()
    err.line(what)
  }
}
