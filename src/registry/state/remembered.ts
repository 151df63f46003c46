/** What was worked out from something that has not changed since; `version` says whether it has. */
export class Remembered<V> {
  readonly #values = new Map<string, V>()
  readonly #max: number
  #version = ''

  constructor(max: number) {
    this.#max = max
  }

  get(key: string, version: string, make: () => V): V {
    if (version !== this.#version || this.#values.size >= this.#max) this.#values.clear()
    this.#version = version
    const known = this.#values.get(key)
    if (known !== undefined) return known
    const made = make()
    this.#values.set(key, made)
    return made
  }
}
