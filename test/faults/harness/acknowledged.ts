/** Writers that remember what was acknowledged, one at each registry, and whether all of it is still there. */
import { Agent, request } from 'undici'
import { eventually } from '../../support/up.ts'
import type { FaultContext, Row } from './contract.ts'

const PATIENCE_MS = 8000
const PAUSE_MS = 5

export interface Writers {
  /** Resolves with the time until every registry takes a write and shows those of all others. NaN after `limitMs`. */
  rightAgain(limitMs?: number): Promise<number>
  /** Ends them and looks for each acknowledged write at each registry. */
  stop(): Promise<Row[]>
}

export function startWriters({ after }: FaultContext, urls: readonly string[], prefix = 'acknowledged'): Writers {
  const agent = new Agent({ connections: 16 })
  const acknowledged = new Map<string, string>()
  let writing = true
  after(async () => {
    writing = false
    await agent.destroy()
  })
  const send = async (method: 'GET' | 'PUT', url: string, body?: string) => {
    const init = body === undefined ? {} : { body }
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const answer = await request(url, { method, signal, dispatcher: agent, ...init })
    return { status: answer.statusCode, text: await answer.body.text() }
  }
  const put = async (url: string, key: string, value: string) => {
    const { status, text } = await send('PUT', `${url}/v1/kv/${key}`, value)
    if (status !== 200 || text !== 'true') throw new Error(text)
  }
  /** Keys are written again and again, so that history grows. */
  const write = async (url: string, i: number) => {
    for (let n = 0; writing; n++) {
      const key = `${prefix}/${i}/${n % 500}`
      try {
        await put(url, key, String(n))
        acknowledged.set(key, String(n))
      } catch {
        acknowledged.delete(key) // whether this one or the one before is there is open
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
  const running = urls.map(write)
  let marks = 0

  async function agree(): Promise<boolean> {
    const mark = String(++marks)
    await Promise.all(urls.map((url, i) => put(url, `mark/${i}`, mark)))
    const views = await Promise.all(urls.map((url) => send('GET', `${url}/v1/kv/mark/?recurse&consistent`)))
    const value = Buffer.from(mark).toString('base64')
    return views.every(
      ({ status, text }) => status === 200 && text.split(`"Value":"${value}"`).length === urls.length + 1,
    )
  }

  return {
    async rightAgain(limitMs = 30_000) {
      const started = performance.now()
      try {
        await eventually('registries that work', agree, limitMs)
        return Math.round(performance.now() - started)
      } catch {
        return Number.NaN
      }
    },
    async stop() {
      writing = false
      await Promise.all(running)
      const lost: string[] = []
      for (const url of urls) {
        const { text } = await eventually('a consistent read', async () => {
          const answer = await send('GET', `${url}/v1/kv/${prefix}/?recurse&consistent`)
          return answer.status === 200 && answer
        })
        const pairs = (JSON.parse(text) as { Key: string; Value: string }[]).map(
          ({ Key, Value }) => [Key, Value] as const,
        )
        const found = new Map(pairs)
        for (const [key, value] of acknowledged) {
          const there = Buffer.from(found.get(key) ?? '', 'base64').toString()
          if (there !== value) lost.push(`${url}: ${key} is ${there}, not ${value}`)
        }
      }
      const row = { figure: 'acknowledged writes lost', value: lost.length, unit: '', atMost: 0, of: acknowledged.size }
      return [{ ...row, detail: lost[0] }]
    },
  }
}
