/** Blocking queries that are held, each on a connection of its own. */
import { setTimeout as pause } from 'node:timers/promises'
import { cpuMicroseconds } from '../harness/process.ts'
import { Connection } from './connection.ts'

/** That all are held is not to be seen from outside; the server has nothing more to do then. */
const QUIET_MS = 500
const QUIET_SHARE = 0.06
const QUIET_TRIES = 120
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

  /** All ask with the index that they know, and are held by the process `pid`. */
  async hold(pid: number): Promise<void> {
    this.#held = this.#watching.map(async (watcher) => {
      const path = `${watcher.path}${watcher.path.includes('?') ? '&' : '?'}index=${watcher.index}&wait=${WAIT}`
      const { index, status } = await watcher.connection.ask('GET', path)
      if (status !== 200 || index <= watcher.index) throw new Error(`${path}: status ${status}, index ${index}`)
      watcher.index = index
      return performance.now()
    })
    for (const held of this.#held) held.catch(() => undefined) // told by answers()
    await quiet(pid)
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

async function quiet(pid: number): Promise<void> {
  let before = cpuMicroseconds(pid)
  for (let i = 0; i < QUIET_TRIES; i++) {
    await pause(QUIET_MS)
    const now = cpuMicroseconds(pid)
    if (now - before < QUIET_MS * 1000 * QUIET_SHARE) return
    before = now
  }
}
