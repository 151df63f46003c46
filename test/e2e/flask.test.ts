/** examples/flask as it stands, on free ports: services in Python behind the same gateway as those in TypeScript. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { request } from 'undici'
import { assertAllAnswered, startLoad } from '../support/load.ts'
import { needsPython } from '../support/needs.ts'
import { eventually, passing, ROOT, scratch, type Up, up } from '../support/up.ts'

const { skip, python } = needsPython({ flask: 'python3-flask', consul: 'python3-consul2' })
const folder = path.join(ROOT, 'examples/flask')

interface Order {
  readonly id: string
  readonly user: { readonly name: string }
}

/** The example's own configuration, with other ports and with its data in the test's folder. */
const config = ({ gateway, registry }: { gateway: number; registry: number }) => `
import { fleet } from 'skein'
import example from ${JSON.stringify(path.join(folder, 'skein.config.ts'))}

const at = (service) => ({
  ...service,
  ...(service.entry === undefined ? { cwd: ${JSON.stringify(folder)} } : { entry: ${JSON.stringify(`${folder}/`)} + service.entry }),
  env: { SHOP_DATA: import.meta.dirname },
})
export default fleet({
  ...example,
  services: Object.fromEntries(Object.entries(example.services).map(([name, service]) => [name, at(service)])),
  registry: { port: ${registry} },
  gateway: { ...example.gateway, port: ${gateway} },
})
`

describe('Flask beside TypeScript', { skip, timeout: 120_000 }, () => {
  const { dir, remove } = scratch('flask')
  let running: Up
  const order = async (id: string, host?: string) => {
    const headers = host === undefined ? {} : { host }
    const answer = await request(`${running.gateway}/order/${id}`, { headers })
    return { status: answer.statusCode, body: (await answer.body.json()) as Order }
  }
  const fromPython = (id: string) => order(id, 'flask.localhost')

  before(async () => {
    running = await up(dir, config, ['/order/1'], { PYTHON: python })
    await eventually('an order from Flask', async () => (await fromPython('1')).status === 200)
  })
  after(async () => {
    await running?.end('SIGTERM')
    remove()
  })

  test('one gateway, two languages: the host decides, and each orders service asks its own users', async () => {
    assert.equal((await fromPython('1')).body.user.name, 'Guido van Rossum')
    assert.equal((await order('1')).body.user.name, 'Ada Lovelace')
  })

  test('the instances that Python registered are in the registry under the names that the fleet gave them', async () => {
    await eventually('both instances registered and passing', async () => {
      return (await passing(running.registry, 'flask-users')).join() === 'flask-users-1,flask-users-2'
    })
  })

  test('scaling Python down under load fails no request: it deregisters before it ends', async () => {
    const url = `${running.gateway}/order/1`
    const load = startLoad({ url, ratePerSecond: 30, headers: { host: 'flask.localhost' } })
    const scaled = await running.skein('scale', 'flask-orders=1')
    assert.equal(scaled.code, 0, scaled.stderr)
    await eventually('some more requests', async () => load.sent() > 10)
    assertAllAnswered(await load.stop(), 10)
    assert.deepEqual(await passing(running.registry, 'flask-orders'), ['flask-orders-1'])
  })
})
