/** examples/legacy as it stands, on free ports: an Express app in which nothing was changed. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { request } from 'undici'
import { assertAllAnswered, startLoad } from '../support/load.ts'
import { eventually, passing, ROOT, scratch, type Up, up } from '../support/up.ts'

const folder = path.join(ROOT, 'examples/legacy')

/** The example's own configuration, with other ports and with its data in the test's folder. */
const config = ({ gateway, registry }: { gateway: number; registry: number }) => `
import { fleet } from 'skein'
import example from ${JSON.stringify(path.join(folder, 'skein.config.ts'))}

const { users, greetings } = example.services
export default fleet({
  services: {
    users: { ...users, entry: ${JSON.stringify(`${folder}/`)} + users.entry, env: { SHOP_DATA: import.meta.dirname } },
    greetings: { ...greetings, cwd: ${JSON.stringify(folder)} },
  },
  registry: { port: ${registry} },
  gateway: { ...example.gateway, port: ${gateway} },
})
`

describe('an Express app that nobody changed', { timeout: 120_000 }, () => {
  const { dir, remove } = scratch('legacy')
  let running: Up
  const greet = async (id: string) => {
    const answer = await request(`${running.gateway}/greeting/${id}`)
    const text = await answer.body.text()
    // Express shows what a handler throws as a page: kept as it is, for the message of the test that meets it.
    const body: { greeting?: string; from?: number; page?: string } = text.startsWith('{')
      ? JSON.parse(text)
      : { page: text }
    return { status: answer.statusCode, body }
  }

  before(async () => {
    running = await up(dir, config, ['/user/1', '/greeting/1'])
  })
  after(async () => {
    await running?.end('SIGTERM')
    remove()
  })

  test('its fetch of a bare service name reaches the service', async () => {
    assert.equal((await greet('1')).body.greeting, 'Hello, Ada Lovelace')
    assert.equal((await greet('none')).status, 404)
  })

  test('it is registered with checks, and requests are spread over its instances', async () => {
    await eventually('both instances registered and passing', async () => {
      return (await passing(running.registry, 'greetings')).join() === 'greetings-1,greetings-2'
    })
    // At once, because one after the other they may all go to the instance that was quicker so far.
    await eventually('answers from each instance', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => greet('1')))
      return new Set(answers.map(({ body }) => body.from)).size === 2
    })
  })

  test('scaling it down under load fails no request: its end is graceful, too', async () => {
    const load = startLoad({ url: `${running.gateway}/greeting/1`, ratePerSecond: 100 })
    const scaled = await running.skein('scale', 'greetings=1')
    assert.equal(scaled.code, 0, scaled.stderr)
    await eventually('some more requests', async () => load.sent() > 50)
    assertAllAnswered(await load.stop(), 50)
  })

  test('its fetch survives the death of an instance that it calls', async () => {
    const users = (await running.instances()).filter(({ service }) => service === 'users')
    process.kill(users[0]!.pid!, 'SIGKILL')
    const answers = await Promise.all(Array.from({ length: 50 }, () => greet('1')))
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
    )
  })
})
