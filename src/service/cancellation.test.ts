/** A caller that goes, or has no time left, ends the work of everybody who works for it, three services down. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { createCaller } from '../client/caller.ts'
import type { Caller } from '../client/contract.ts'
import { SkeinError } from '../core/errors.ts'
import { staticSource } from '../discovery/source/static.ts'
import { readAll } from '../wire/incoming.ts'
import { adaptHandler } from './adapt/index.ts'
import { op, service } from './define.ts'
import { type Started, start } from './harness.suite.ts'
import type { Servable } from './servable.ts'

const GET = { method: 'GET', path: '/work', headers: [] } as const

/** A service that asks the next one; `ask` gives its answer as text. */
type Layer = (name: string, ask: () => Promise<string>) => Servable

const kit: Layer = (name, ask) => service(name, { get: op({ route: 'GET /work' }, ask) })
const adapted: Layer = (name, ask) =>
  adaptHandler(name, async (_request, response) => {
    response.end(await ask().catch((error: SkeinError) => error.code))
  })

/** The leaf works until its signal says that nobody waits any longer, and tells why. */
async function chain(t: TestContext, server: 'wire' | 'node', middle: Layer) {
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<unknown>()
  const leaf = service('leaf', {
    get: op({ route: 'GET /work' }, async (_, { signal }) => {
      begun.resolve()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      ended.resolve(signal.reason)
    }),
  })
  const own = middle === kit ? { server } : {}
  const first = await start(leaf, { server })
  const second = await start(middle('middle', asking(t, 'leaf', first)), own)
  const third = await start(middle('front', asking(t, 'middle', second)), own)
  t.after(() => Promise.all([third, second, first].map((one) => one.close())))
  return { begun: begun.promise, ended: ended.promise, front: third, all: [first, second, third] }
}

function asking(t: TestContext, name: string, { port }: Started): () => Promise<string> {
  const instance = {
    id: `${name}-1`,
    service: name,
    address: '127.0.0.1',
    port,
    node: 'n',
    weight: 1,
    tags: [],
    meta: {},
  }
  const caller: Caller = createCaller({ source: staticSource([{ ...instance, status: 'passing' }]) })
  t.after(() => caller.close())
  return async () => {
    const { status, source } = await caller.request({ service: name, ...GET })
    return `${status} ${await readAll(source)}`
  }
}

for (const [what, server, layer] of [
  ['on wire', 'wire', kit],
  ['on node', 'node', kit],
  ['adapted', 'wire', adapted],
] as const) {
  describe(`three services, ${what}`, () => {
    test('a caller that goes away ends the handler of the last', async (t) => {
      const { begun, ended, front } = await chain(t, server, layer)
      const socket = connect(front.port, '127.0.0.1')
      socket.write('GET /work HTTP/1.1\r\nhost: x\r\n\r\n')
      await begun
      socket.destroy()
      const reason = await ended
      assert.ok(reason instanceof SkeinError)
      assert.equal(reason.code, 'CANCELLED')
    })

    test('a deadline that passes does, too', async (t) => {
      const { ended, front } = await chain(t, server, layer)
      const asked = front.ask('GET /work', { headers: { 'x-skein-deadline-ms': '200' } })
      const reason = await ended
      assert.ok(reason instanceof SkeinError)
      // Whoever notices first: the leaf has the same deadline, and a caller whose time is up breaks off.
      assert.ok(['DEADLINE_EXCEEDED', 'CANCELLED'].includes(reason.code), reason.code)
      await asked
    })
  })
}
