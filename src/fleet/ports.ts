/** More tries than any sane machine needs; then something else is wrong. */
const TRIES_MAX = 100

/** Hands out free ports, never one twice at a time: between two picks the system may offer the same port again. */
export class Ports {
  readonly #taken = new Set<number>()
  readonly #free: () => Promise<number>

  constructor(free: () => Promise<number>) {
    this.#free = free
  }

  /** @throws Error when no port can be had. */
  async take(): Promise<number> {
    for (let i = 0; i < TRIES_MAX; i++) {
      const port = await this.#free()
      if (this.#taken.has(port)) continue
      this.#taken.add(port)
      return port
    }
    throw new Error(`no free port on 127.0.0.1 after ${TRIES_MAX} tries`)
  }

  giveBack(port: number): void {
    this.#taken.delete(port)
  }
}
