/** Calls at a constant rate, each counted from when it was due: status or 0, and how long it took. */
import { Agent, request } from 'undici'

export interface Called {
  /** ms after the start. */
  readonly dueMs: number
  /** 0 = no answer. */
  readonly status: number
  readonly ms: number
}

const TICK_MS = 5
const GIVE_UP_MS = 10_000

/** As many at a time as it takes: a client that waits for its turn would hide the overload. */
export async function callAtRate(url: string, ratePerSecond: number, forMs: number): Promise<Called[]> {
  const agent = new Agent({ connections: 4000, pipelining: 1 })
  const calls: Promise<Called>[] = []
  const started = performance.now()
  const one = async (dueMs: number): Promise<Called> => {
    const status = await request(url, { dispatcher: agent, signal: AbortSignal.timeout(GIVE_UP_MS) }).then(
      async ({ statusCode, body }) => body.dump().then(() => statusCode),
      () => 0,
    )
    return { dueMs, status, ms: performance.now() - started - dueMs }
  }
  for (let elapsed = 0; elapsed < forMs; elapsed = performance.now() - started) {
    while (calls.length < (elapsed / 1000) * ratePerSecond) calls.push(one((calls.length * 1000) / ratePerSecond))
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  const called = await Promise.all(calls)
  await agent.destroy()
  return called
}

export const succeeded = (calls: readonly Called[]) => calls.filter(({ status }) => status === 200)
