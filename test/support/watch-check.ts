/**
 * Do watches keep their promises: writers count up in a few keys, watchers follow them by blocking queries, each time at
 * any registry. Nobody may be shown a key as it was before what he has seen, and in the end everybody holds what is there.
 * (A lower count may well be newer: a write without an answer may happen after the next one.)
 */
import { Agent, request } from 'undici'
import { below, type Random } from '../../src/core/random.ts'
import { eventually } from './up.ts'

export interface WatchPlan {
  readonly urls: readonly string[]
  readonly random: Random
  readonly prefix: string
  readonly watchers: number
}

export interface WatchResult {
  /** Counts that were seen, over all watchers. */
  readonly seen: number
  /** Watchers that were shown an older ModifyIndex or X-Consul-Index than the one they had. */
  readonly backwards: readonly string[]
  /** Watchers that did not hold the final value in the end. */
  readonly behind: readonly string[]
}

interface View {
  readonly key: string
  value: string
  modified: number
}

const PATIENCE_MS = 8000
const WAIT = '5s'
/** For the last change to reach the slowest watcher. */
const QUIET_MS = 10_000

/** Starts to watch; `stop` ends the writers, waits for quiet and gives the result. */
export function watchCounters({ urls, random, prefix, watchers }: WatchPlan): { stop(): Promise<WatchResult> } {
  const agent = new Agent({ connections: 4 * watchers })
  const backwards: string[] = []
  const keys = Array.from({ length: Math.ceil(watchers / 4) }, (_, i) => `${prefix}/${i}`)
  const views = Array.from({ length: watchers }, (_, i) => ({ key: keys[i % keys.length]!, value: '', modified: 0 }))
  let seen = 0
  let writing = true
  let watching = true
  const anyUrl = () => urls[below(random, urls.length)]!
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
  const send = (method: 'GET' | 'PUT', path: string, body?: string) =>
    request(anyUrl() + path, {
      ...{ method, dispatcher: agent, signal: AbortSignal.timeout(PATIENCE_MS) },
      ...(body === undefined ? {} : { body }),
    })

  async function write(key: string): Promise<void> {
    for (let count = 1; writing; count++) {
      try {
        await (await send('PUT', `/v1/kv/${key}`, String(count))).body.dump()
      } catch {
        // Whether it happened is open; the next one has another value.
      }
      await pause()
    }
  }

  async function watch(view: View): Promise<void> {
    for (let index = 0; watching; ) {
      try {
        const { statusCode, headers, body } = await send('GET', `/v1/kv/${view.key}?index=${index}&wait=${WAIT}`)
        const text = await body.text()
        // What may be old says so and counts as no answer: the index is kept.
        if (statusCode >= 500 || headers['x-consul-knownleader'] === 'false') await pause()
        else index = take(view, index, Number(headers['x-consul-index']), text)
      } catch {
        await pause()
      }
    }
  }

  function take(view: View, before: number, index: number, text: string): number {
    const [pair] = text === '' ? [] : (JSON.parse(text) as { Value: string; ModifyIndex: number }[])
    const { Value = '', ModifyIndex = 0 } = pair ?? {}
    const went = `${view.key}: modified ${ModifyIndex} after ${view.modified}, index ${index} after ${before}`
    if (ModifyIndex < view.modified || index < before) backwards.push(went)
    if (ModifyIndex !== view.modified) seen++
    view.value = Value
    view.modified = ModifyIndex
    return index < before ? 0 : index
  }

  async function finalValues(): Promise<Map<string, string>> {
    const pairs = await eventually('a consistent read of the end', async () => {
      const { statusCode, body } = await send('GET', `/v1/kv/${prefix}/?recurse&consistent`)
      const text = await body.text()
      return statusCode === 200 && (JSON.parse(text) as { Key: string; Value: string }[])
    })
    return new Map(pairs.map(({ Key, Value }) => [Key, Value]))
  }

  const writers = keys.map(write)
  const watches = views.map(watch)
  return {
    async stop() {
      writing = false
      await Promise.all(writers)
      const final = await finalValues()
      const isBehind = ({ key, value }: View) => value !== final.get(key)
      for (const end = performance.now() + QUIET_MS; views.some(isBehind) && performance.now() < end; ) await pause()
      const behind = views.filter(isBehind).map(({ key, value }) => `${key}: ${value}, not ${final.get(key)}`)
      watching = false
      await agent.destroy()
      await Promise.all(watches)
      return { seen, backwards, behind }
    },
  }
}
