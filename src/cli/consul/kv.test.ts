import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { consulKit } from './consul-kit.fixture.ts'

let kit: Awaited<ReturnType<typeof consulKit>>
before(async () => {
  kit = await consulKit()
})
after(() => kit[Symbol.asyncDispose]())

const run = (line: string, stdin?: string | Uint8Array) =>
  kit.run(['kv', ...line.split(' ').filter(Boolean)], stdin === undefined ? {} : { stdin })
const out = async (line: string) => (await run(line)).stdout

test('kv put -acquire and -release: a key is locked by one session at a time', async () => {
  const session = async () => {
    const answer = await fetch(`${kit.registry.url}/v1/session/create`, { method: 'PUT' })
    return ((await answer.json()) as { ID: string }).ID
  }
  const [one, other] = [await session(), await session()]
  const put = (way: string, id: string, value: string) => run(`put -${way} -session=${id} locked ${value}`)
  assert.equal((await put('acquire', one, 'a')).stdout, 'Success! Lock acquired on: locked\n')
  assert.match(await out('get -detailed locked'), new RegExp(`LockIndex +1\\n[\\s\\S]*Session +${one}\\n`))
  const refused = await put('acquire', other, 'b')
  assert.deepEqual([refused.status, refused.stderr], [1, 'Error! Did not acquire lock\n'])
  assert.equal((await put('release', other, 'b')).stderr, 'Error! Did not release lock\n')
  assert.equal((await put('release', one, 'c')).stdout, 'Success! Lock released on: locked\n')
  assert.match(await out('get -detailed locked'), /LockIndex +1\n[\s\S]*Session +-\n/)
  assert.equal((await put('acquire', other, 'd')).status, 0)
  assert.equal(await out('get locked'), 'd\n')
})

describe('kv put and get', () => {
  test('say what scripts look for', async () => {
    assert.deepEqual(
      await out('put redis/config/connections 5'),
      'Success! Data written to: redis/config/connections\n',
    )
    assert.deepEqual(await out('get redis/config/connections'), '5\n')
    assert.deepEqual(await out('get /redis/config/connections'), '5\n', 'a slash at the beginning does not count')
    const { status, stdout, stderr } = await run('get none')
    assert.deepEqual([status, stdout, stderr], [1, '', 'Error! No key exists at: none\n'])
  })

  test('-detailed shows columns', async () => {
    await run('put -flags=18446744073709551615 detailed zaphod')
    const lines = (await out('get -detailed detailed')).split('\n')
    assert.deepEqual(
      lines.map((line) => line.replace(/\d+$/, (digits) => (digits.length > 15 ? digits : 'n'))),
      [
        'CreateIndex      n',
        'Flags            18446744073709551615',
        'Key              detailed',
        'LockIndex        n',
        'ModifyIndex      n',
        'Session          -',
        'Value            zaphod',
        '',
      ],
    )
  })

  test('values are bytes: from standard input, from a file, in base64', async () => {
    const bytes = Buffer.concat([Buffer.from([0, 10, 255, 0x80]), randomBytes(1000)])
    await run('put binary -', bytes)
    const { bytes: read } = await run('get binary')
    assert.deepEqual(read, Buffer.concat([bytes, Buffer.from('\n')]))
    assert.equal(await out('get -base64 binary'), `${bytes.toString('base64')}\n`)
    kit.write('value.txt', 'from a file\n')
    await run('put file @value.txt')
    assert.equal(await out('get file'), 'from a file\n\n')
    await run('put -base64 decoded aGk=')
    assert.equal(await out('get decoded'), 'hi\n')
    assert.match((await run('put x @gone')).stderr, /^Error! Failed to read file: .*gone/)
    assert.match((await run('put -base64 x a===')).stderr, /^Error! Cannot base 64 decode data/)
  })

  test('an absent value is empty, a negative number is a value', async () => {
    await run('put empty')
    assert.deepEqual([(await run('get empty')).status, await out('get empty')], [0, '\n'])
    await run('put negative -5')
    assert.equal(await out('get negative'), '-5\n')
  })

  test('-cas writes at the given index only', async () => {
    await run('put cas 1')
    const index = /ModifyIndex +(\d+)/.exec(await out('get -detailed cas'))![1]
    const { status, stderr } = await run(`put -cas -modify-index=${Number(index) + 1} cas 2`)
    assert.deepEqual([status, stderr], [1, 'Error! Did not write to cas: CAS failed\n'])
    assert.equal((await run(`put -cas -modify-index=${index} cas 2`)).stdout, 'Success! Data written to: cas\n')
    assert.equal((await run('put -cas cas 3')).stderr, 'Must specify -modify-index with -cas!\n')
    assert.equal((await run('put -cas -modify-index=0 cas 3')).status, 1, '0 creates only')
    assert.equal(await out('get cas'), '2\n')
  })

  test('-keys and -recurse', async () => {
    for (const key of ['t/a', 't/b/c', 't/b/d', 'tt']) await run(`put ${key} ${key.length}`)
    assert.equal(await out('get -keys t/'), 't/a\nt/b/\n')
    assert.equal(await out('get -keys -separator= t/'), 't/a\nt/b/c\nt/b/d\n')
    assert.equal(await out('get -recurse t'), 't/a:3\nt/b/c:5\nt/b/d:5\ntt:2\n')
    assert.equal(await out('get -recurse -base64 t/a'), 't/a:Mw==\n')
    assert.equal((await out('get -recurse -detailed t/b')).split('\n\n').length, 2)
    assert.deepEqual([(await run('get -recurse none')).status, await out('get -keys none')], [0, ''])
  })

  test('keys may hold anything', async () => {
    for (const key of ['a b', 'ü/%2F', 'q?x=1#y', '.up', 'plus+']) {
      assert.equal((await kit.run(['kv', 'put', key, key])).stdout, `Success! Data written to: ${key}\n`)
      assert.equal((await kit.run(['kv', 'get', key])).stdout, `${key}\n`)
    }
  })

  const REFUSED: readonly (readonly [string, RegExp])[] = [
    ['get', /^Error! Missing KEY argument\n/],
    ['get a b', /^Too many arguments \(expected 1, got 2\)\n/],
    ['put', /^Error! Missing KEY argument\n/],
    ['put a b c', /^Error! Too many arguments \(expected 1 or 2, got 3\)\n/],
    ['put -acquire a b', /^Error! Missing -session/],
    ['put -flags=x a b', /^invalid value "x" for flag -flags/],
    ['get -recurs a', /^flag provided but not defined: -recurs\nDid you mean -recurse\?/],
    ['get -ca-file=x a', /^-ca-file is not supported\nInstead: set NODE_EXTRA_CA_CERTS/],
    ['get -namespace=x a', /^-namespace: namespaces are a feature of Consul Enterprise/],
    ['get -datacenter=dc9 a', /No path to datacenter/],
    ['delete', /^Error! Missing KEY argument\n/],
    ['delete -cas a', /^-cas needs a -modify-index/],
    ['delete -modify-index=1 a', /^Cannot specify -modify-index without -cas!/],
    ['delete -cas -modify-index=1 -recurse a', /^Cannot specify both -cas and -recurse!/],
    ['import', /^Error! Missing DATA argument/],
    ['import {', /^Cannot unmarshal data: /],
    ['import {}', /^Cannot unmarshal data: it is no list/],
    ['import [{"key":"a","value":"%"}]', /^Error base 64 decoding value for key a/],
    ['get -http-addr=127.0.0.1:1 a', /^Error querying Consul agent: registry at http:\/\/127\.0\.0\.1:1: /],
    ['get -http-addr=unix:///x a', /listens on TCP only/],
  ]
  for (const [line, pattern] of REFUSED) {
    test(`kv ${line} has status 1`, async () => {
      const { status, stdout, stderr } = await run(line)
      assert.deepEqual([status, stdout], [1, ''])
      assert.match(stderr, pattern)
    })
  }
})

test('kv delete', async () => {
  for (const key of ['d/1', 'd/2', 'd2']) await run(`put ${key} x`)
  assert.equal(await out('delete d/1'), 'Success! Deleted key: d/1\n')
  assert.equal(await out('delete d/1'), 'Success! Deleted key: d/1\n', 'as Consul says of one that is not there')
  assert.equal((await run('delete -cas -modify-index=1 d2')).stderr, 'Error! Did not delete key d2: CAS failed\n')
  assert.equal(await out('delete -recurse d/'), 'Success! Deleted keys with prefix: d/\n')
  assert.equal(await out('get -keys d2'), 'd2\n')
  assert.equal(await out('get -keys d/'), '')
})

test('kv export and import: all comes back, to the bit', async () => {
  await run('put -flags=3304740253564472344 e/lock v')
  await run('put e/bin -', Buffer.from([0, 255]))
  await run('put e/empty')
  const exported = await out('export e/')
  assert.match(exported, /^\[\n\t\{\n\t\t"key": "e\/bin",\n\t\t"flags": 0,\n\t\t"value": "AP8="\n\t\},\n/)
  await run('delete -recurse e/')
  assert.equal(await out('export e/'), '[]\n')
  assert.equal((await run('import -', exported)).stdout, 'Imported: e/bin\nImported: e/empty\nImported: e/lock\n')
  assert.equal(await out('export e/'), exported)
  kit.write('export.json', exported)
  assert.match(await out('import -prefix=copy @export.json'), /^Imported: copy\/e\/bin\n/)
  assert.match(await out('get -detailed copy/e/lock'), /Flags +3304740253564472344\n/)
})
