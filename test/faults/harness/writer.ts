/** Clients that write to a registry and remember what was acknowledged, to ask for it afterwards. */
import { Agent, request } from 'undici'
import { below, type Random } from '../../../src/core/random.ts'

export interface Writer {
  readonly acknowledged: number
  /** Of which `ok` was not the answer: status → how often. */
  readonly refused: ReadonlyMap<string, number>
  /** Writes until `count` more were tried, with 16 at a time; ends early when the registry is gone. */
  write(count: number, onAcknowledged?: (sofar: number) => void): Promise<void>
  /**
   * Compares all that the registry says with all that was acknowledged or may have been. What was refused may not be seen,
   * but after a restart it may: nobody knows what had reached a disk that failed.
   */
  check(since: 'running' | 'restarted'): Promise<Check>
  /** From now on it asks another registry. */
  moveTo(url: string): void
  close(): Promise<void>
}

export interface Check {
  /** Acknowledged and not there, or there with another value. */
  readonly lost: string[]
  /** There, although never written or refused for certain. */
  readonly invented: string[]
  /** The index is not beyond what a client has been shown. */
  readonly indexBehind: boolean
}

/** What a key may hold, undefined = nothing. */
interface Possible {
  readonly value: string | undefined
  readonly refused?: boolean
}

const AT_ONCE = 16
const KEYS = 400

/**
 * Keys that come, change and go by check-and-set of their own writer, and instances. One writer a key: what it may hold is
 * the last acknowledged value, or that of a later write whose answer never came.
 */
export function createWriter(firstUrl: string, random: Random): Writer {
  let url = firstUrl
  const agent = new Agent({ connections: AT_ONCE, pipelining: 1 })
  const lawful = new Map<string, Possible[]>()
  const refused = new Map<string, number>()
  const busy = new Set<string>()
  let acknowledged = 0
  /** The highest index shown: ever, and by the reading under way. */
  let highest = 0
  let latest = 0
  let number = 0

  const send = async (method: 'PUT' | 'DELETE' | 'GET', path: string, body?: string) => {
    const answer = await request(url + path, { method, dispatcher: agent, body: body ?? null, headersTimeout: 20_000 })
    latest = Math.max(latest, Number(answer.headers['x-consul-index'] ?? 0))
    return { status: answer.statusCode, text: await answer.body.text() }
  }

  /** False when the registry is gone. */
  const writeOne = async (): Promise<boolean> => {
    const key = freeKey(random, busy)
    const value = random() < 0.1 ? undefined : `${++number}.${'v'.repeat(below(random, 300))}`
    busy.add(key)
    const before = lawful.get(key) ?? [{ value: undefined }]
    lawful.set(key, [...before, { value }])
    try {
      const { status, text } = await sendWrite(send, key, value)
      if (status === 200) {
        lawful.set(key, [{ value }])
        acknowledged++
        return true
      }
      const reason = `${status} ${text.slice(0, 120)}`
      lawful.set(key, [...before, { value, refused: true }])
      refused.set(reason, (refused.get(reason) ?? 0) + 1)
      return true
    } catch {
      return false // the answer never came: it may have been carried out, or not
    } finally {
      busy.delete(key)
    }
  }

  return {
    get acknowledged() {
      return acknowledged
    },
    refused,
    async write(count, onAcknowledged) {
      let left = count
      const client = async () => {
        while (left-- > 0) {
          if (!(await writeOne())) left = 0
          onAcknowledged?.(acknowledged)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, client))
    },
    async check(since) {
      latest = 0
      const held = await readAll(send)
      const indexBehind = latest < highest
      highest = latest
      const mayBe = (values: readonly Possible[], key: string) =>
        values.some(({ value, refused }) => value === held.get(key) && (since === 'restarted' || refused !== true))
      const lost = [...lawful].filter(([key, values]) => !mayBe(values, key))
      const invented = [...held.keys()].filter((key) => !lawful.has(key))
      if (since === 'restarted') for (const [key] of lawful) lawful.set(key, [{ value: held.get(key) }])
      return {
        lost: lost.map(([key, values]) =>
          `${key} holds ${held.get(key)}, not one of ${JSON.stringify(values)}`.slice(0, 300),
        ),
        invented,
        indexBehind,
      }
    },
    moveTo(other) {
      url = other
    },
    close: () => agent.destroy(),
  }
}

type Send = (method: 'PUT' | 'DELETE' | 'GET', path: string, body?: string) => Promise<{ status: number; text: string }>

/** `key/n` in the KV store, `instance-n` in the catalogue. */
function freeKey(random: Random, busy: ReadonlySet<string>): string {
  for (;;) {
    const n = below(random, KEYS)
    const key = n % 4 === 0 ? `instance-${n}` : `key/${n}`
    if (!busy.has(key)) return key
  }
}

function sendWrite(send: Send, key: string, value: string | undefined) {
  if (key.startsWith('key/')) {
    return value === undefined ? send('DELETE', `/v1/kv/${key}`) : send('PUT', `/v1/kv/${key}`, value)
  }
  if (value === undefined) return send('PUT', '/v1/catalog/deregister', JSON.stringify({ Node: 'n', ServiceID: key }))
  const Service = { ID: key, Service: 'written', Port: 80, Meta: { value } }
  return send('PUT', '/v1/catalog/register', JSON.stringify({ Node: 'n', Address: '10.0.0.1', Service }))
}

async function readAll(send: Send): Promise<Map<string, string>> {
  const keys = await send('GET', '/v1/kv/key/?recurse')
  const services = await send('GET', '/v1/catalog/service/written')
  if (services.status !== 200 || ![200, 404].includes(keys.status))
    throw new Error(`reading: ${keys.status} ${keys.text}`)
  const held = new Map<string, string>()
  for (const { Key, Value } of keys.status === 404 ? [] : (JSON.parse(keys.text) as { Key: string; Value: string }[]))
    held.set(Key, Buffer.from(Value, 'base64').toString())
  for (const { ServiceID, ServiceMeta } of JSON.parse(services.text) as {
    ServiceID: string
    ServiceMeta: { value: string }
  }[])
    held.set(ServiceID, ServiceMeta.value)
  return held
}
