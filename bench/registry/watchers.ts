/** Blocking queries that are held, each on a connection of its own. */
import { Connection } from './connection.ts'

/** Between asking and being held there is nothing to see from outside. */
const SETTLE_MS = 1000
const WAIT = '120s'

export class Watchers {
  readonly #watching: { connection: Connection; path: string; index: number }[] = []
  #held: Promise<number>[] = []

  async open(port: number, count: number, pathOf: (i: number) => string): Promise<void> {
    for (let i = 0; i < count; i++) {
      const connection = await Connection.open(port)
      const path = pathOf(i)
      const { index } = await connection.ask('GET', path)
      this.#watching.push({ connection, path, index })
    }
  }

  /** All ask with the index that they know, and are held. */
  async hold(): Promise<void> {
    this.#held = this.#watching.map(async (watcher) => {
      const path = `${watcher.path}${watcher.path.includes('?') ? '&' : '?'}index=${watcher.index}&wait=${WAIT}`
      const { index, status } = await watcher.connection.ask('GET', path)
      if (status !== 200 || index <= watcher.index) throw new Error(`${path}: status ${status}, index ${index}`)
      watcher.index = index
      return performance.now()
    })
    for (const held of this.#held) held.catch(() => undefined) // told by answers()
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  }

  /** When each was answered; those that were not within `limitMs` are lost. */
  async answers(limitMs: number): Promise<{ times: number[]; lost: number }> {
    const limit = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), limitMs).unref())
    const ends = await Promise.all(this.#held.map((held) => Promise.race([held, limit])))
    const times = ends.filter((time) => time !== undefined).sort((a, b) => a - b)
    return { times, lost: ends.length - times.length }
  }

  close(): void {
    for (const { connection } of this.#watching) connection.close()
  }
}
