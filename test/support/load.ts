/** Open-loop load: requests leave at a constant rate whatever the answers do, so a stall is seen by every request it hits. */
import assert from 'node:assert/strict'
import { Agent, request } from 'undici'

export interface LoadResult {
  readonly sent: number
  readonly ok: number
  /** What went wrong: when the request was due (ms after the start), and the status or error. */
  readonly failures: readonly { readonly atMs: number; readonly what: string }[]
  /** Latencies in ms from the intended time of sending, in order of completion. */
  readonly latencies: readonly number[]
}

export interface Load {
  /** Stops sending and resolves when all answers are in. */
  stop(): Promise<LoadResult>
  readonly sent: () => number
  readonly startedAt: number
}

export interface LoadOptions {
  readonly url: string | (() => string)
  readonly ratePerSecond: number
  readonly headers?: Record<string, string>
  /** Ends by itself after this; a test that forgets to stop does not run for ever. Default 60 s. */
  readonly limitMs?: number
}

const TICK_MS = 10

export function startLoad(options: LoadOptions): Load {
  const agent = new Agent({ connections: 64, pipelining: 1 })
  const startedAt = performance.now()
  const failures: { atMs: number; what: string }[] = []
  const latencies: number[] = []
  const pending = new Set<Promise<void>>()
  let sent = 0
  let ok = 0

  const one = async (due: number) => {
    const url = typeof options.url === 'function' ? options.url() : options.url
    try {
      const answer = await request(url, { dispatcher: agent, headers: options.headers ?? {}, headersTimeout: 20_000 })
      const text = await answer.body.text()
      if (answer.statusCode === 200) ok++
      else failures.push({ atMs: due, what: `${answer.statusCode} ${text.slice(0, 300)}` })
    } catch (error) {
      failures.push({ atMs: due, what: String(error) })
    }
    latencies.push(performance.now() - startedAt - due)
  }

  const tick = () => {
    const elapsed = performance.now() - startedAt
    if (elapsed > (options.limitMs ?? 60_000)) clearInterval(timer)
    for (const target = (elapsed / 1000) * options.ratePerSecond; sent < target; sent++) {
      const call = one((sent * 1000) / options.ratePerSecond).finally(() => pending.delete(call))
      pending.add(call)
    }
  }
  const timer = setInterval(tick, TICK_MS)

  return {
    startedAt,
    sent: () => sent,
    async stop() {
      clearInterval(timer)
      await Promise.all(pending)
      await agent.close()
      return { sent, ok, failures, latencies }
    },
  }
}

/** Not one failed, of at least so many. */
export function assertAllAnswered({ sent, ok, failures }: LoadResult, least = 100): void {
  assert.ok(sent > least, `only ${sent} requests were sent`)
  assert.deepEqual(failures.slice(0, 5), [], `${failures.length} of ${sent} failed`)
  assert.equal(ok, sent)
}

/** Sends `count` requests with at most `concurrency` at a time and returns the statuses, in order of completion. */
export async function burst(
  url: string,
  count: number,
  concurrency = 16,
  headers: Record<string, string> = {},
): Promise<number[]> {
  const agent = new Agent({ connections: concurrency, pipelining: 1 })
  const statuses: number[] = []
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      const answer = await request(url, { dispatcher: agent, headers })
      await answer.body.dump()
      statuses.push(answer.statusCode)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  await agent.close()
  return statuses
}
