import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EtcdError } from './contract.ts'
import type { JsonRange } from './gateway-json.ts'
import { listAll } from './listing.ts'

interface Asked {
  readonly key: string
  readonly limit: string
  readonly revision?: string
}

/** Keys `/t/0000` … as etcd pages them; `before` may fail a call. */
function etcd(count: number, bytes: (i: number) => number, before: (asked: Asked, call: number) => void = () => {}) {
  const all = Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`/t/${String(i).padStart(6, '0')}`).toString('base64'),
    value: 'A'.repeat(bytes(i)),
  }))
  const pages: number[] = []
  let calls = 0
  const range = async (body: object): Promise<JsonRange> => {
    const asked = body as Asked
    before(asked, ++calls)
    const from = Buffer.from(asked.key, 'base64')
    const rest = all.filter(({ key }) => Buffer.compare(Buffer.from(key, 'base64'), from) >= 0)
    const kvs = rest.slice(0, Number(asked.limit))
    pages.push(kvs.length)
    return { header: { revision: String(40 + calls), cluster_id: 'c' }, kvs, more: rest.length > kvs.length }
  }
  return { range, pages }
}

test('pages grow while records are small; each record once, as of the first page', async () => {
  const revisions: (string | undefined)[] = []
  const { range, pages } = etcd(
    2500,
    () => 100,
    ({ revision }) => revisions.push(revision),
  )
  const { found, revision, cluster } = await listAll('/t/', range)
  assert.deepEqual(pages, [100, 200, 400, 800, 1000])
  assert.deepEqual([revision, cluster, revisions], [41, 'c', [undefined, '41', '41', '41', '41']])
  assert.equal(new Set(found.map(({ key }) => key)).size, 2500)
})

test('pages shrink where records are large', async () => {
  const { range, pages } = etcd(300, (i) => (i < 100 ? 10 : 100_000))
  await listAll('/t/', range)
  assert.deepEqual(pages, [100, 200])
  const large = etcd(300, () => 100_000)
  await listAll('/t/', large.range)
  assert.deepEqual(large.pages, [100, 39, 39, 39, 39, 39, 5])
})

test('a page that does not come in time is asked for in a small form, once', async () => {
  const slow = ({ limit }: Asked) => {
    if (Number(limit) > 50) throw new EtcdError('unavailable', 'no answer within 2000 ms')
  }
  const { range, pages } = etcd(30, () => 10, slow)
  assert.equal((await listAll('/t/', range)).found.length, 30)
  assert.deepEqual(pages, [10, 20])
  const dead = etcd(
    30,
    () => 10,
    () => {
      throw new EtcdError('unavailable', 'nobody')
    },
  )
  await assert.rejects(listAll('/t/', dead.range), /nobody/)
})

test('history compacted between two pages: it begins anew, but not for ever', async () => {
  const compacted = () => {
    throw new EtcdError('refused', 'etcdserver: mvcc: required revision has been compacted')
  }
  const once = etcd(
    250,
    () => 10,
    (_asked, call) => call === 2 && compacted(),
  )
  const { found, revision } = await listAll('/t/', once.range)
  assert.deepEqual([found.length, revision], [250, 43])
  const always = etcd(
    250,
    () => 10,
    ({ revision: asked }) => asked !== undefined && compacted(),
  )
  await assert.rejects(listAll('/t/', always.range), /compacted/)
})
