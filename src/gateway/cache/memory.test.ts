/** What the cache holds is what it says: texts of a request must not keep the whole head in which they stood. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { VirtualClock } from '../../core/clock.ts'
import { Flights } from './flights.ts'
import { CacheMemory } from './memory.ts'
import { Store } from './store.ts'
import { cacheKey } from './text.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const ENTRIES = 2_000
const HEAD_BYTES = 15_000

/** A head as it comes from a socket, and parts of it as the parser cuts them out. */
function headWith(i: number): { readonly path: string; readonly agent: string } {
  const path = `/some/longer/path/${i}`
  const agent = `some browser, number ${i}`
  const text = Buffer.from(`GET ${path} HTTP/1.1\r\nuser-agent: ${agent}\r\n${'x'.repeat(HEAD_BYTES)}`).toString(
    'latin1',
  )
  return {
    path: text.slice(4, 4 + path.length),
    agent: text.slice(text.indexOf('some browser'), text.indexOf('\r\nx')),
  }
}

/** Bytes that are left in memory by `fill`, for each of the entries that it makes. */
function bytesEach<T>(fill: () => T): number {
  collect()
  const before = process.memoryUsage().heapUsed
  const held = fill()
  collect()
  const each = (process.memoryUsage().heapUsed - before) / ENTRIES
  assert.ok(held)
  return each
}

test('a kept answer: its key, and what it varies by', () => {
  const each = bytesEach(() => {
    const store = new Store(1e9)
    for (let i = 0; i < ENTRIES; i++) {
      const { path, agent } = headWith(i)
      const kept = { status: 200, headers: ['vary', 'user-agent'], body: Buffer.alloc(0), lifetime: 1, age: 0, at: 0 }
      store.put(`users http shop.example.com 80 ${path}`, ['user-agent', agent], kept)
    }
    return store
  })
  assert.ok(each < 3_000, `${each} bytes`)
})

test('a key that is not waited for again, however long it is', () => {
  const each = bytesEach(() => {
    const flights = new Flights(new VirtualClock())
    for (let i = 0; i < ENTRIES; i++) {
      const { path, agent } = headWith(i)
      flights.begin(cacheKey('users', i % 2 === 0 ? path : `${path}/${agent.padEnd(8_000)}`))(false)
    }
    return flights
  })
  assert.ok(each < 1_000, `${each} bytes`)
})

test('all stores together: the bound holds, what was unused for longest goes, and a put looks at no other store', (t) => {
  const kept = { status: 200, headers: [], body: Buffer.alloc(1_000), lifetime: 1, age: 0, at: 0 }
  const memory = new CacheMemory(1_000_000)
  const stores = Array.from({ length: 1_000 }, () => new Store(1e9))
  const bytes = t.mock.getter(Store.prototype, 'bytes')
  const put = (store: Store, key: string) => {
    memory.used(store)
    store.put(key, [], kept)
    memory.trim()
  }
  for (const store of stores) put(store, 'a')
  assert.ok(bytes.mock.callCount() < 4 * stores.length, `${bytes.mock.callCount()} looks for ${stores.length} puts`)
  const sum = () => stores.reduce((total, store) => total + store.bytes, 0)
  assert.ok(sum() <= 1_000_000 && sum() > 990_000, `${sum()}`)
  assert.deepEqual([stores[0]!.bytes, stores.at(-1)!.bytes > 0], [0, true])
  // One that had left comes back; what is deleted makes room.
  for (const key of ['b', 'c']) put(stores[0]!, key)
  const before = sum()
  stores[0]!.delete('b')
  put(stores[1]!, 'b')
  assert.equal(sum(), before)
})
