import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Clock, Timer } from '../../core/clock.ts'
import { MemoryStorage } from '../storage/memory.ts'
import { Store } from '../store.ts'
import type { CheckResult } from './contract.ts'
import { probeHttp } from './http.ts'
import { periodic } from './periodic.ts'
import { afterRunning } from './standstill.ts'

/** What a frozen process sees when it goes on: the time has jumped, and all timers that fell due fire at once. */
class JumpingClock implements Clock {
  #time = 0
  #timers: { due: number; run: () => void }[] = []
  now = () => this.#time
  monotonic = () => this.#time

  after(ms: number, run: () => void): Timer {
    const timer = { due: this.#time + ms, run }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
      },
    }
  }

  jump(ms: number): void {
    this.#time += ms
    const due = this.#timers.filter((timer) => timer.due <= this.#time)
    this.#timers = this.#timers.filter((timer) => timer.due > this.#time)
    for (const { run } of due) run()
  }
}

test('a time that ran out during a standstill begins anew', () => {
  const clock = new JumpingClock()
  let runs = 0
  afterRunning(clock, 1000, () => runs++)
  clock.jump(60_000)
  assert.equal(runs, 0)
  clock.jump(999)
  assert.equal(runs, 0)
  clock.jump(1)
  assert.equal(runs, 1)
  const timer = afterRunning(clock, 1000, () => runs++)
  clock.jump(60_000)
  timer.cancel()
  clock.jump(1000)
  assert.equal(runs, 1)
})

test('an answer that came while the registry was frozen counts, however late it is read', async () => {
  const clock = new JumpingClock()
  const asked = Promise.withResolvers<() => void>()
  const server = createServer((_request, response) => asked.resolve(() => response.end()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const http = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const reported = Promise.withResolvers<CheckResult>()
  const tools = { clock, random: () => 0, store: new Store(new MemoryStorage()), node: 'n1' }
  const check = periodic(probeHttp)({ http, intervalMs: 1000, timeoutMs: 1000 }, '', reported.resolve, tools)
  clock.jump(1)
  const answer = await asked.promise
  clock.jump(60_000)
  answer()
  assert.equal((await reported.promise).status, 'passing')
  check.stop()
  server.close()
})
