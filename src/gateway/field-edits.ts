import { type RawHeaders, withoutHeaders } from '../core/headers.ts'

/** What the steps change about the header fields of a message that passes. Names in lower case. */
export class FieldEdits {
  readonly #dropped = new Set<string>()
  #added: string[] = []

  /** In place of what the sender says under this name. */
  put(name: string, value: string): void {
    this.#dropped.add(name)
    this.#added.push(name, value)
  }

  /** Beside what the sender says. */
  add(name: string, value: string): void {
    this.#added.push(name, value)
  }

  drop(name: string): void {
    this.#dropped.add(name)
  }

  /** In place of what sender and earlier steps say. */
  replace(name: string, value: string): void {
    this.remove(name)
    this.#added.push(name, value)
  }

  /** What earlier steps say goes, too. */
  remove(name: string): void {
    this.#dropped.add(name)
    this.#added = withoutHeaders(this.#added, new Set([name]))
  }

  /** A copy of the sender's `fields` with the changes made. */
  apply(fields: RawHeaders): string[] {
    const kept = withoutHeaders(fields, this.#dropped)
    kept.push(...this.#added)
    return kept
  }
}
