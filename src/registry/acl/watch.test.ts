/** Nobody misses what a change of rights, or of services, shows or hides: watchers end up with what a fresh reader sees. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, seeded } from '../../core/random.ts'
import { type Closed, closedRegistry, MASTER, type Made } from './acl-kit.fixture.ts'

const NAMES = ['a', 'ab', 'b', 'c']
const STEPS = 150

/** Watches with a token, as clients do: the index of the last answer, from 0 when it went back. Ends with its token, or by `stop`. */
class Watcher {
  seen: unknown
  index = 0
  wakes = 0
  readonly ended: Promise<void>

  constructor(closed: Closed, path: string, token: string, stop: AbortSignal) {
    this.ended = this.#run(closed, path, token, stop)
  }

  async #run(closed: Closed, path: string, token: string, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const query = `${path}${path.includes('?') ? '&' : '?'}index=${this.index}&wait=60s`
      const reply = await closed.get(query, undefined, { 'x-consul-token': token }, stop).catch(() => undefined)
      if (reply === undefined || reply.status === 403) return
      this.wakes++
      this.seen = reply.status === 404 ? [] : reply.json()
      this.index = reply.index < this.index ? 0 : reply.index
    }
  }
}

test('watchers end up with what a fresh reader sees, whatever changed in between', { timeout: 120_000 }, async () => {
  const seed = Number(process.env['SKEIN_SEED'] ?? Date.now() % 1_000_000)
  console.log(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  const pick = <T>(items: readonly T[]): T => items[below(random, items.length)]!
  await using closed = await closedRegistry()
  const { asMaster } = closed

  const rules = () =>
    NAMES.flatMap((name) => {
      const access = pick(['read', 'write', 'deny', ''])
      const kind = pick(['service', 'service_prefix', 'key_prefix'])
      return access === '' ? [] : [`${kind} "${name}" { policy = "${access}" }`]
    })
  const text = () => [...rules(), pick(['node_prefix "" { policy = "read" }', ''])].join('\n')
  const policies = await Promise.all(
    [0, 1].map(async (i) => (await closed.makePolicy(`p${i}`, text())).json() as { ID: string; Name: string }),
  )
  const tokens: Made[] = []
  for (let i = 0; i < 3; i++) tokens.push(await closed.makeToken(`t${i}`, { Policies: [{ ID: pick(policies).ID }] }))

  const stop = new AbortController()
  const paths = ['/v1/catalog/services', '/v1/health/service/a', '/v1/kv/', '/v1/health/state/any']
  const full = (path: string) => (path === '/v1/kv/' ? '/v1/kv/?keys' : path)
  const watchers = tokens.flatMap(({ SecretID }) =>
    paths.map((path) => ({ path, SecretID, watcher: new Watcher(closed, full(path), SecretID, stop.signal) })),
  )
  const steps = [
    () => asMaster('PUT', '/v1/agent/service/register', { Name: pick(NAMES), Port: below(random, 3) }),
    () => closed.ask('PUT', `/v1/agent/service/deregister/${pick(NAMES)}`, MASTER),
    async () => {
      const { ID, Name } = pick(policies)
      await asMaster('PUT', `/v1/acl/policy/${ID}`, { Name, Rules: text() })
    },
    async () => {
      const links = policies.filter(() => random() < 0.5).map(({ ID }) => ({ ID }))
      await asMaster('PUT', `/v1/acl/token/${pick(tokens).AccessorID}`, { Policies: links })
    },
    () => asMaster('PUT', `/v1/kv/${pick(NAMES)}/x`, String(below(random, 3))),
    () => asMaster('DELETE', `/v1/kv/${pick(NAMES)}/x`),
  ]
  for (let i = 0; i < STEPS; i++) await pick(steps)()

  for (const { path, SecretID, watcher } of watchers) {
    const fresh = async () => {
      const reply = await closed.ask('GET', full(path), SecretID)
      return reply.status === 404 ? [] : reply.json()
    }
    await settled(watcher, await fresh(), `${path}, SKEIN_SEED=${seed}`)
  }
  stop.abort()
  await Promise.all(watchers.map(({ watcher }) => watcher.ended))
})

/** A bound on time and none on speed: what was missed would be seen only after the wait of 60 s. */
async function settled(watcher: Watcher, expected: unknown, what: string): Promise<void> {
  const end = Date.now() + 20_000
  while (JSON.stringify(watcher.seen) !== JSON.stringify(expected) && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.deepEqual(watcher.seen, expected, what)
}
