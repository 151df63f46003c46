/**
 * Everything under a prefix, page by page, all of it as of the revision of the first page. A page has to come within the time
 * that a member has to answer, whatever lies in it: so its size follows what the pages before it held.
 */
import type { KeyValue, Listing } from './contract.ts'
import { EtcdError } from './contract.ts'
import * as codec from './gateway-json.ts'

/** One call of etcd's range. */
export type Range = (body: object) => Promise<codec.JsonRange>

const PAGE_BYTES = 4_000_000
const FIRST_KEYS = 100
const MOST_KEYS = 2000
/** A page of this size is tried when a larger one did not come. */
const FEWEST_KEYS = 10
/** A compaction between two pages takes the revision away: then all begins anew, but not for ever. */
const ATTEMPTS = 5

export async function listAll(prefix: string, range: Range): Promise<Listing> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(prefix, range)
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof EtcdError) || !/compacted/.test(error.message)) throw error
    }
  }
}

async function listOnce(prefix: string, range: Range): Promise<Listing> {
  const range_end = codec.prefixEnd(prefix)
  const found: KeyValue[] = []
  let key = codec.encodeText(prefix)
  let revision: string | undefined
  let keys = FIRST_KEYS
  for (;;) {
    const body = { key, range_end, ...(revision === undefined ? {} : { revision }) }
    const { header = {}, kvs = [], more } = await getPage(body, keys, range)
    revision ??= header.revision ?? '0'
    for (const one of kvs) found.push(codec.keyValue(one))
    if (more !== true) return { revision: codec.number(revision), cluster: header.cluster_id ?? '', found }
    key = after(kvs.at(-1)?.key)
    keys = nextSize(kvs)
  }
}

async function getPage(body: object, keys: number, range: Range): Promise<codec.JsonRange> {
  try {
    return await range({ ...body, limit: String(keys) })
  } catch (error) {
    const isTooMuch = error instanceof EtcdError && error.fault === 'unavailable' && keys > FEWEST_KEYS
    if (!isTooMuch) throw error
    return range({ ...body, limit: String(FEWEST_KEYS) })
  }
}

/** The first key behind this one. */
function after(key = ''): string {
  return Buffer.concat([Buffer.from(key, 'base64'), Buffer.of(0)]).toString('base64')
}

/** At most twice as many, for what comes may be larger. */
function nextSize(kvs: readonly codec.JsonKeyValue[]): number {
  const bytes = kvs.reduce((sum, { key = '', value = '' }) => sum + key.length + value.length, 0)
  const fitting = Math.floor((PAGE_BYTES * kvs.length) / Math.max(1, bytes))
  return Math.max(FEWEST_KEYS, Math.min(fitting, 2 * kvs.length, MOST_KEYS))
}
