import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { below, seeded } from '../core/random.ts'
import { writeTogether } from './one-write.ts'

async function pair(t: TestContext): Promise<readonly [Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  t.after(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return [near, far]
}

test('what is written arrives as it was, however slowly it is read and whatever is written meanwhile', async (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? Date.now())
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  const pairs = await Promise.all([pair(t), pair(t), pair(t)])
  const sent = pairs.map(() => createHash('sha256'))
  const received = pairs.map(() => createHash('sha256'))
  const over = pairs.map(([, far], i) => {
    far.pause()
    far.on('data', (bytes) => received[i]!.update(bytes))
    return once(far, 'end')
  })
  for (let i = 0; i < 600; i++) {
    const n = below(random, pairs.length)
    const head = `head ${i} é\r\n`
    const body = Buffer.alloc(below(random, 80_000), below(random, 256))
    sent[n]!.update(head, 'latin1').update(body)
    writeTogether(pairs[n]![0], head, body)
    if (i === 300) for (const [, far] of pairs) far.resume()
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  for (const [near] of pairs) near.end()
  await Promise.all(over)
  for (let i = 0; i < pairs.length; i++) assert.equal(received[i]!.digest('hex'), sent[i]!.digest('hex'))
})
