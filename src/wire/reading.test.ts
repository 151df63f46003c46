import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { adopt, Reading } from './reading.ts'

const closing: (() => void)[] = []
after(() => {
  for (const close of closing) close()
})

/** The reading ends of `count` connections, and who writes to them. */
async function connections(
  count: number,
): Promise<{ reading: Reading; socket: Socket; accepted: Socket; peer: Socket }[]> {
  const server = createServer({ allowHalfOpen: true })
  closing.push(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const made = []
  for (let i = 0; i < count; i++) {
    const peer = connect(port, '127.0.0.1')
    const [accepted] = (await once(server, 'connection')) as [Socket]
    const reading = new Reading()
    const socket = adopt(accepted, reading)
    closing.push(
      () => socket.destroy(),
      () => peer.destroy(),
    )
    made.push({ reading, socket, accepted, peer })
  }
  return made
}

/** Resolves when `bytes` bytes were kept. */
function keptOf(reading: Reading, bytes: number, how: 'keep' | 'hold' = 'keep'): Promise<Buffer> {
  return new Promise((resolve) => {
    const kept: Buffer[] = []
    let size = 0
    reading.to((come) => {
      kept.push(reading[how](come))
      size += come.length
      if (size >= bytes) resolve(Buffer.concat(kept))
    })
  })
}

test('a server hands over its connection, and counts on', async () => {
  const [one] = await connections(1)
  const { socket, accepted, peer, reading } = one!
  assert.notEqual(socket, accepted)
  const heard = keptOf(reading, 5)
  peer.write('hello')
  assert.equal((await heard).toString(), 'hello')
  socket.end('and back')
  const [answer] = (await once(peer, 'data')) as [Buffer]
  assert.equal(answer.toString(), 'and back')
  const server = (
    socket as unknown as { server: { getConnections(told: (error: unknown, count: number) => void): void } }
  ).server
  const count = () => new Promise((resolve) => server.getConnections((_, found) => resolve(found)))
  assert.equal(await count(), 1)
  peer.end()
  await once(socket, 'close')
  assert.equal(await count(), 0)
})

test('what is kept stays as it was, whatever comes on others', async () => {
  const bytes = 300_000
  const all = await connections(8)
  const kept = all.map(({ reading }, i) => keptOf(reading, bytes, i % 2 === 0 ? 'keep' : 'hold'))
  for (let at = 0; at < bytes; at += 30_000) {
    for (const [i, { peer }] of all.entries()) peer.write(Buffer.alloc(30_000, i + at / 30_000))
    await new Promise(setImmediate)
  }
  for (const [i, whole] of (await Promise.all(kept)).entries()) {
    assert.equal(whole.length, bytes)
    for (let at = 0; at < bytes; at++)
      if (whole[at] !== i + Math.floor(at / 30_000)) assert.fail(`${i}: byte ${at} is ${whole[at]}`)
  }
})

test('an idle connection has no buffer of its own: what it keeps next is a copy', async () => {
  const [one] = await connections(1)
  const { reading, peer } = one!
  const large = keptOf(reading, 1_000_000)
  peer.write(Buffer.alloc(1_000_000, 'x'))
  await large
  const parts: { kept: Buffer; come: Buffer }[] = []
  const twice = new Promise<void>((resolve) => {
    reading.to((come) => {
      reading.calm()
      parts.push({ kept: reading.keep(come), come })
      if (parts.length === 2) resolve()
    })
  })
  for (const word of ['one', 'two']) {
    peer.write(word)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await twice
  assert.notEqual(parts[1]!.kept.buffer, parts[1]!.come.buffer)
  assert.equal(parts[1]!.kept.toString(), 'two')
})

test('a socket that is let go of gives what comes to who listens, and holds back', async () => {
  const [one] = await connections(1)
  const { reading, socket, peer } = one!
  reading.release(socket)
  peer.write(Buffer.alloc(5_000_000, 'y'))
  let size = 0
  for await (const chunk of socket) {
    size += (chunk as Buffer).length
    assert.ok(socket.readableLength <= 256 * 1024)
    if (size === 5_000_000) break
  }
  assert.equal(size, 5_000_000)
})

test('what is lent is not overwritten until it is given back, and then used again', async () => {
  const [one] = await connections(1)
  const { reading, peer } = one!
  const loans: { readonly bytes: Buffer; readonly copy: Buffer; readonly done: () => void }[] = []
  const buffers = new Set<ArrayBufferLike>()
  let size = 0
  const all = new Promise<void>((resolve) => {
    reading.to((come) => {
      const loan = reading.lend(come)
      if (loan !== undefined) {
        buffers.add(loan.bytes.buffer)
        loans.push({ ...loan, copy: Buffer.from(come) })
      }
      // Some are out for long, most for a moment.
      if (loans.length > 3) loans.splice(1, 1)[0]!.done()
      for (const { bytes, copy } of loans) assert.ok(bytes.equals(copy))
      size += come.length
      if (size === 40_000_000) resolve()
    })
  })
  for (let mark = 0; mark < 80; mark++) {
    peer.write(Buffer.alloc(500_000, mark))
    await new Promise(setImmediate)
  }
  await all
  assert.ok(loans.length === 3 && buffers.size < 10, `${loans.length} loans, ${buffers.size} buffers`)
})

test('of a copy that is lent nothing is overwritten either', async () => {
  const [one] = await connections(1)
  const { reading, peer } = one!
  const parts: { readonly bytes: Buffer; readonly mark: number }[] = []
  for (let mark = 1; mark <= 20; mark++) {
    const came = new Promise<void>((resolve) => {
      reading.to((come) => {
        const { bytes, done } = reading.lendCopy(come)!
        if (mark % 2 === 0) done()
        // Twice: it counts once.
        if (mark % 4 === 0) done()
        if (mark % 2 === 1) parts.push({ bytes, mark })
        resolve()
      })
    })
    peer.write(Buffer.alloc(3_000, mark))
    await came
  }
  for (const { bytes, mark } of parts) assert.ok(bytes.equals(Buffer.alloc(3_000, mark)))
})
