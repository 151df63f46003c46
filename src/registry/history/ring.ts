/** History in memory: gone with the process. */
import { type Entry, type History, type HistoryQuery, KEPT_IN_MEMORY, KEPT_MS } from './contract.ts'

export class RingHistory implements History {
  readonly #max: number
  #entries: Entry[] = []

  constructor(max = KEPT_IN_MEMORY) {
    this.#max = max
  }

  /** Forgets in large pieces, so that adding costs nothing to speak of. */
  add(entries: readonly Entry[]): void {
    for (const entry of entries) this.#entries.push(entry)
    if (this.#entries.length <= this.#max * 1.25) return
    const oldest = new Date(Date.parse(this.#entries.at(-1)!.Time) - KEPT_MS).toISOString()
    this.#entries = this.#entries.slice(-this.#max).filter(({ Time }) => Time >= oldest)
  }

  list(query: HistoryQuery): readonly Entry[] {
    const found = this.#entries.filter((entry) => matches(entry, query))
    return found.slice(-query.last)
  }
}

function matches(entry: Entry, { service, node, kind, since }: HistoryQuery): boolean {
  if (service !== undefined && entry.Service !== service) return false
  if (node !== undefined && entry.Node !== node) return false
  if (kind !== undefined && entry.Kind !== kind) return false
  return since === undefined || entry.Time >= since
}
