import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { instance } from '../../registry/test-kit.fixture.ts'
import { registryKit } from './registry-kit.fixture.ts'

let kit: Awaited<ReturnType<typeof registryKit>>
before(async () => {
  kit = await registryKit()
})
after(() => kit[Symbol.asyncDispose]())

describe('skein registry remove, removed and allow', () => {
  const register = () => kit.put('/v1/agent/service/register', instance('web', 'web-1'))

  test('keep an instance out, say who is out, and let it in again', async () => {
    assert.equal(await register(), 200)
    const removed = await kit.skein('registry', 'remove', 'web-1', '--reason', 'bad disk')
    assert.deepEqual([removed.status, removed.stderr], [0, ''])
    assert.match(removed.stdout, /web-1 is out, and stays out until skein registry allow web-1/)
    assert.equal(await register(), 403)
    assert.match((await kit.skein('registry', 'removed')).stdout, /\nweb-1 +web +node1 +20\S+Z +bad disk\n/)
    const [one] = JSON.parse((await kit.skein('registry', 'removed', '--json')).stdout)
    assert.deepEqual([one.ServiceID, one.Reason], ['web-1', 'bad disk'])
    assert.match((await kit.skein('registry', 'allow', 'web-1')).stdout, /web-1 may register again/)
    assert.equal(await register(), 200)
    assert.equal((await kit.skein('registry', 'removed')).stdout, 'nobody is kept out\n')
  })

  test('refuse what cannot be meant, with the way out', async () => {
    const gone = await kit.skein('registry', 'remove', 'wbe-1')
    assert.equal(gone.status, 1)
    assert.match(gone.stderr, /Unknown service ID "wbe-1".*\n.*skein ps/)
    assert.match((await kit.skein('registry', 'allow', 'web-1')).stderr, /"web-1" is not removed\n.*registry removed/)
    assert.equal((await kit.skein('registry', 'remove')).status, 2)
    assert.match((await kit.skein('registry', 'remov')).stderr, /there is no skein registry remov/)
    const away = await kit.skein('registry', 'removed', '--registry', 'http://127.0.0.1:1')
    assert.equal(away.status, 1)
    assert.match(away.stderr, /registry at http:\/\/127\.0\.0\.1:1/)
  })
})
