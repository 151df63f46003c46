/** Where a gateway process has its config from: the registry's KV, watched, or a file, read again on SIGHUP. */
import { type Clock, sleep } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { ConfigError } from '../../core/issues.ts'
import type { Logger } from '../../core/log.ts'
import { fullJitter, type Random } from '../../core/random.ts'
import { type ConsulAnswer, type ConsulClient, kvPath } from '../../discovery/consul-client.ts'
import { Failure } from '../command.ts'

/** Each value is a gateway's config as somebody wrote it: not checked. Ends with the signal. */
export type ConfigSource = (signal: AbortSignal) => AsyncGenerator<unknown, void>

/** How long the registry holds one question, ms. */
const WAIT_MS = 60_000
const BACKOFF_BASE_MS = 100
const BACKOFF_CAP_MS = 5000
/** Between questions where the answer carries no index to wait with, ms. */
const POLL_MS = 1000
/** For the first question, where a snapshot file may answer instead, ms. */
const PATIENCE_MS = 1000

export interface KvSourceOptions {
  readonly consul: ConsulClient
  readonly key: string
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
}

/**
 * Every new value under a key. While the registry is away or the key absent nothing comes, and the last one goes on; a gateway
 * that starts while the registry is away begins with what its snapshot folder has, if it has one.
 */
export function kvSource(options: KvSourceOptions): ConfigSource {
  return async function* values(signal) {
    let index = 0
    let last: string | undefined
    let value: unknown
    for await (const answer of answers(options, () => index, signal)) {
      if (answer === undefined) {
        if (last !== undefined) continue
        last = await keptValue(options)
        if (last === undefined) continue
        value = parse(last, options)
        yield value
        continue
      }
      // An index that goes back belongs to a registry that was set up anew: begin again, as for every blocking query.
      index = answer.index < index ? 0 : answer.index
      const text = answer.status === 200 ? answer.text : ''
      if (text !== last && text === '')
        options.log.warn({ key: options.key }, 'no config under this key; waiting for one')
      const isNew = text !== last && text !== ''
      if (isNew) value = parse(text, options)
      // What cannot even be read would leave who begins without the registry with nothing.
      if (text !== '' && value !== undefined) options.consul.snapshots?.save(options.key, text)
      if (isNew) yield value
      last = text
      if (index === 0) await sleep(POLL_MS, options.clock, signal).catch(() => {}) // rejects with the end only
    }
  }
}

/** The last value that a gateway before this one had of the registry. */
async function keptValue({ consul, key, log }: KvSourceOptions): Promise<string | undefined> {
  const kept = await consul.snapshots?.read(key)
  if (typeof kept?.value !== 'string') return undefined
  log.warn({ key, confirmedAt: new Date(kept.confirmedAt) }, 'beginning with the config of a snapshot file')
  return kept.value
}

/** Asks again and again, and through failures; undefined when one begins. */
async function* answers(
  { consul, key, log, clock, random }: KvSourceOptions,
  index: () => number,
  signal: AbortSignal,
): AsyncGenerator<ConsulAnswer | undefined, void> {
  let timeoutMs = consul.snapshots && PATIENCE_MS
  for (let failures = 0; !signal.aborted; timeoutMs = undefined) {
    try {
      const answer = await consul.get(`${kvPath(key)}?raw`, { index: index(), waitMs: WAIT_MS, timeoutMs, signal })
      if (answer.status !== 200 && answer.status !== 404) throw refused(answer, consul, key)
      if (failures > 0) log.info({ registry: consul.address }, 'the registry answers again')
      failures = 0
      yield answer
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof SkeinError)) throw error
      if (failures++ === 0) {
        const then = index() === 0 ? 'it is asked for the config until it answers' : 'the last config goes on'
        log.warn({ reason: error.message }, `the registry is away; ${then}`)
        yield undefined
      }
      await sleep(fullJitter(random, failures, BACKOFF_BASE_MS, BACKOFF_CAP_MS), clock, signal).catch(() => {})
    }
  }
}

/** A token that may not read the key, or not yet: an answer with which nothing may be undone. */
function refused({ status, text }: ConsulAnswer, { address }: ConsulClient, key: string): SkeinError {
  return new SkeinError(
    'REGISTRY_UNAVAILABLE',
    `registry at ${address}: GET ${key}: status ${status}: ${text.slice(0, 200)}`,
  )
}

/** What is no JSON is handed on as undefined, to be refused like every other value that is no config. */
function parse(text: string, { key, log }: KvSourceOptions): unknown {
  try {
    const value: unknown = JSON.parse(text)
    if (!isDeeper(value, DEPTH_MAX)) return value
    log.error({ key }, `the value under this key is nested more than ${DEPTH_MAX} times`)
  } catch (error) {
    log.error({ key, reason: (error as Error).message }, 'the value under this key is no JSON')
  }
  return undefined
}

/** No config needs more than a few; whoever walks a value calls itself for each, which must not be more than the stack holds. */
const DEPTH_MAX = 100

/** Level by level, and so without such calls. */
function isDeeper(value: unknown, max: number): boolean {
  let level = [value]
  for (let depth = 0; depth <= max && level.length > 0; depth++) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
  return level.length > 0
}

/** The config in a file, and again after each call of what `onReload` was given. The first reading may throw. */
export function fileSource(
  read: () => Promise<unknown>,
  onReload: (run: () => void) => void,
  log: Logger,
): ConfigSource {
  return async function* values(signal) {
    yield await read()
    let wake = () => {}
    let asked = false
    onReload(() => {
      asked = true
      wake()
    })
    signal.addEventListener('abort', () => wake(), { once: true })
    while (!signal.aborted) {
      if (!asked) await new Promise<void>((resolve) => (wake = resolve))
      if (!asked) continue
      asked = false
      try {
        yield await read()
      } catch (error) {
        // A file that is not there: editors and deployments put another in its place.
        if (!(error instanceof ConfigError || error instanceof Failure)) throw error
        log.error(`the changed config is refused; the last one goes on\n${error.message}`)
      }
    }
  }
}
