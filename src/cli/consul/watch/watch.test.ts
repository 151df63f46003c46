import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { consulKit } from '../consul-kit.fixture.ts'

let kit: Awaited<ReturnType<typeof consulKit>>
before(async () => {
  kit = await consulKit()
})
after(() => kit[Symbol.asyncDispose]())

const watch = (...flags: string[]) => kit.run(['watch', ...flags])
const seen = async (...flags: string[]) => JSON.parse((await watch(...flags)).stdout)

describe('without a program, shown once', () => {
  test('keys', async () => {
    assert.equal(await seen('-type=key', '-key=w/a'), null)
    assert.equal(await seen('-type=keyprefix', '-prefix=w/'), null)
    await kit.run(['kv', 'put', '-flags=18446744073709551615', 'w/a', 'x'])
    const { stdout } = await watch('-type=key', '-key=w/a')
    assert.match(stdout, /^\{\n {4}"LockIndex": 0,/)
    assert.match(stdout, /"Flags": 18446744073709551615,\n {4}"Value": "eA=="/)
    assert.deepEqual(
      (await seen('-type=keyprefix', '-prefix=w')).map(({ Key }: { Key: string }) => Key),
      ['w/a'],
    )
  })

  test('catalog and health', async () => {
    await kit.run(['services', 'register', '-name=web', '-tag=a'])
    await kit.run(['maint', '-enable', '-service=web'])
    assert.deepEqual(await seen('-type=services'), { consul: [], web: ['a'] })
    assert.equal((await seen('-type=nodes'))[0].Node, 'node1')
    assert.equal((await seen('-type=service', '-service=web'))[0].Service.ID, 'web')
    assert.deepEqual(await seen('-type=service', '-service=web', '-passingonly=true'), [])
    assert.deepEqual(await seen('-type=service', '-service=web', '-tag=b'), [])
    assert.equal((await seen('-type=checks')).length, 2)
    assert.equal((await seen('-type=checks', '-state=critical')).length, 1)
    assert.equal((await seen('-type=checks', '-service=web'))[0].CheckID, '_service_maintenance:web')
  })

  const REFUSED: readonly (readonly [string, RegExp])[] = [
    ['', /^Watch type must be specified/],
    ['-type=constructor', /^Unsupported watch type: constructor/],
    ['-type=key', /needs its key\nGive -key=/],
    ['-type=service', /needs its service\nGive -service=/],
    ['-type=service -service=x -passingonly=yes', /^-passingonly=yes: write true or false/],
  ]
  for (const [line, pattern] of REFUSED) {
    test(`watch ${line} has status 1`, async () => {
      const { status, stderr } = await watch(...line.split(' ').filter(Boolean))
      assert.equal(status, 1)
      assert.match(stderr, pattern)
    })
  }
})

describe('events', { timeout: 20_000 }, () => {
  const fire = async (...flags: string[]) => {
    const { stdout } = await kit.run(['event', ...flags])
    return /^Event ID: ([0-9a-f-]{36})\n$/.exec(stdout)?.[1]
  }

  test('are fired, and shown', async () => {
    assert.deepEqual(await seen('-type=event'), [])
    const ID = await fire('-name=deploy', 'v2')
    await fire('-name=other', '-node=node.*')
    await fire('-name=deploy', '-service=nobody')
    const shown = await seen('-type=event', '-name=deploy')
    assert.deepEqual(
      shown.map((event: { ID: string; Payload: string }) => [event.ID, event.Payload]),
      [[ID, 'djI=']],
    )
    assert.equal((await seen('-type=event')).length, 2)
  })

  test('come to a program once each: first those that are there, then the new ones', async () => {
    await fire('-name=step', '0')
    const url = `${kit.registry.url}/v1/event/fire/step`
    const script = `
      const events = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
      const payloads = events.map(({ Payload }) => Buffer.from(Payload, 'base64').toString())
      console.log(payloads.join(), BigInt(process.env.CONSUL_INDEX) > 1n)
      if (payloads.includes('2')) process.exit(1)
      fetch(${JSON.stringify(url)}, { method: 'PUT', body: String(Number(payloads.at(-1)) + 1) })
    `
    const { stdout } = await watch('-type=event', '-name=step', '-shell=false', process.execPath, '-e', script)
    assert.equal(stdout, '0 true\n1 true\n2 true\n')
  })

  const REFUSED: readonly (readonly [string, RegExp])[] = [
    ['', /^Event name must be specified/],
    ['-name=x a b', /^Too many command line arguments/],
    ['-name=x -node=(', /^Failed to compile node filter regexp: .*missing closing \)/],
    ['-name=x -tag=t', /^Cannot provide tag filter without service filter/],
    [`-name=x ${'y'.repeat(600)}`, /^Error firing event: .*user event exceeds configured limit of 512 bytes/],
  ]
  for (const [line, pattern] of REFUSED) {
    test(`event ${line.slice(0, 20)} has status 1`, async () => {
      const { status, stderr } = await kit.run(['event', ...line.split(' ').filter(Boolean)])
      assert.equal(status, 1)
      assert.match(stderr, pattern)
    })
  }
})

describe('with a program', { timeout: 20_000 }, () => {
  // The handler makes the next change itself, and fails on the last: no waiting, no race.
  const handler = (script: string) => ['-shell=false', '-type=key', '-key=h', process.execPath, '-e', script]

  test('each state comes on its standard input, in order, until it fails', async () => {
    const url = `${kit.registry.url}/v1/kv/h`
    const script = `
      const text = require('node:fs').readFileSync(0, 'utf8')
      const pair = JSON.parse(text)
      const value = pair === null ? 'none' : Buffer.from(pair.Value, 'base64').toString()
      console.log(value, text.endsWith('}\\n') || text === 'null\\n', Number(process.env.CONSUL_INDEX) > 0)
      if (value === '2') process.exit(7)
      const next = value === 'none' ? '1' : '2'
      fetch(${JSON.stringify(url)}, { method: 'PUT', body: next })
    `
    const { status, stdout, stderr } = await watch(...handler(script))
    assert.equal(stdout, 'none true true\n1 true true\n2 true true\n')
    assert.deepEqual([status, stderr], [1, 'Error executing handler: exit status 7\n'])
  })

  test('by a shell, unless told otherwise', async () => {
    const { stdout, stderr } = await watch('-type=key', '-key=none', 'cat; echo "$((6*7))"; exit 3')
    assert.deepEqual([stdout, stderr], ['null\n42\n', 'Error executing handler: exit status 3\n'])
  })

  test('one that reads nothing, and one that is not there', async () => {
    const { stderr } = await watch('-type=nodes', 'exit 4')
    assert.equal(stderr, 'Error executing handler: exit status 4\n')
    assert.match(
      (await watch('-shell=false', '-type=nodes', '/gone')).stderr,
      /^Error executing handler: spawn \/gone ENOENT/,
    )
  })
})
