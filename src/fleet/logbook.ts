import type { LogLine } from './contract.ts'

export const LINES_MAX = 10_000
/** Also bounded in characters: ten thousand of the longest lines would be over a gigabyte. */
export const CHARACTERS_MAX = 16 * 1024 * 1024

export interface LogFilter {
  readonly service?: string | undefined
  readonly instance?: string | undefined
  readonly last?: number | undefined
}

export function matches(line: LogLine, filter: LogFilter): boolean {
  return (
    (filter.service === undefined || line.service === filter.service) &&
    (filter.instance === undefined || line.instance === filter.instance)
  )
}

/** The last lines of all instances, oldest first, and those who want to hear each new one. */
export class Logbook {
  readonly #listeners = new Set<(line: LogLine) => void>()
  #lines: LogLine[] = []
  #first = 0
  #characters = 0

  append(line: LogLine): void {
    this.#lines.push(line)
    this.#characters += line.text.length
    this.#forget()
    for (const listener of this.#listeners) listener(line)
  }

  read(filter: LogFilter = {}): LogLine[] {
    const found = this.#lines.slice(this.#first).filter((line) => matches(line, filter))
    return filter.last === undefined ? found : found.slice(Math.max(0, found.length - filter.last))
  }

  /** Listeners run at once and must not wait: one that writes to a slow place keeps its own bounded queue. */
  listen(listener: (line: LogLine) => void): () => void {
    const own = (line: LogLine) => listener(line)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** Moves the start; the array is only copied once half of it is forgotten. */
  #forget(): void {
    while (this.#lines.length - this.#first > LINES_MAX || this.#characters > CHARACTERS_MAX) {
      this.#characters -= this.#lines[this.#first]!.text.length
      this.#first++
    }
    if (this.#first <= LINES_MAX) return
    this.#lines = this.#lines.slice(this.#first)
    this.#first = 0
  }
}
