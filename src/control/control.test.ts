import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sleep } from '../core/clock.ts'
import { ControlClient } from './client.ts'
import { FakeFleet } from './fake-fleet.suite.ts'
import { type ControlOptions, serveControl } from './server.ts'

function socketIn(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-control-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'own', 'control.sock')
}

async function served(t: TestContext, more: Partial<ControlOptions> = {}) {
  const fleet = new FakeFleet()
  const socketPath = socketIn(t)
  const control = await serveControl({ fleet, socketPath, info: () => ({ registry: 'http://r' }), ...more })
  t.after(() => control.close())
  return { fleet, socketPath, control, client: new ControlClient(socketPath) }
}

test('asks and commands', async (t) => {
  const { fleet, client, socketPath } = await served(t)
  assert.equal((await client.instances())[0]!.id, 'a-1')
  assert.deepEqual(await client.info(), { registry: 'http://r' })
  await client.scale('a', 3)
  await client.restart('a-1')
  assert.equal((await client.stop('a')).length, 1)
  assert.deepEqual(fleet.asked, ['scale a 3', 'restart a-1', 'stop a'])
  assert.equal(statSync(dirname(socketPath)).mode & 0o777, 0o700)
})

test('metrics of the fleet are text for Prometheus', async (t) => {
  const { socketPath } = await served(t, { metrics: () => 'up 1\n' })
  const asked = request({ socketPath, path: '/metrics' }).end()
  const [answer] = await once(asked, 'response')
  assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  let text = ''
  for await (const chunk of answer) text += chunk
  assert.equal(text, 'up 1\n')
})

test('errors arrive with code, message and the way out', async (t) => {
  const { client, socketPath } = await served(t)
  await assert.rejects(client.restart('x'), { code: 'UNKNOWN_TARGET', message: 'nothing called "x" runs here' })
  await assert.rejects(client.restart('bug'), { code: 'INTERNAL', message: 'internal error' })
  const cases: [string, string, string | undefined, number, string][] = [
    ['GET', '/v1/nothing', undefined, 404, 'NOT_FOUND'],
    ['GET', '/v1/logs?last=many', undefined, 400, 'INVALID_INPUT'],
    ['POST', '/v1/scale', '{"service":"a","instances":"3"}', 400, 'INVALID_INPUT'],
    ['POST', '/v1/scale', 'null', 400, 'INVALID_INPUT'],
    ['POST', '/v1/scale', undefined, 400, 'INVALID_INPUT'],
    ['POST', '/v1/scale', '{"service', 400, 'BAD_REQUEST'],
    ['POST', '/v1/scale', `"${'x'.repeat(70_000)}"`, 413, 'BODY_TOO_LARGE'],
  ]
  for (const [method, path, body, status, code] of cases) {
    const answer = await send(socketPath, method, path, body)
    assert.equal(answer.status, status, `${method} ${path} ${body?.slice(0, 40)}`)
    assert.equal(answer.error.code, code)
    assert.ok(answer.error.message !== '' && answer.error.hint !== '')
  }
})

test('logs: the kept ones, and new ones as they come', async (t) => {
  const { fleet, client } = await served(t)
  for (const text of ['one', 'two', 'drei äöü']) fleet.write('a', text)
  fleet.write('b', 'other')
  assert.deepEqual(
    (await client.logs({ service: 'a', last: 2 })).map(({ text }) => text),
    ['two', 'drei äöü'],
  )
  const seen: unknown[] = []
  for await (const line of client.follow({ service: 'a' })) {
    seen.push('text' in line ? line.text : line)
    if (seen.length === 3) {
      fleet.write('b', 'not for this one')
      fleet.write('a', 'four')
    }
    if (seen.length === 4) break
  }
  assert.deepEqual(seen, ['one', 'two', 'drei äöü', 'four'])
  while (fleet.listeners > 0) await sleep(5) // the server hears of the closed connection a moment later
})

test('following ends with the signal and with the fleet', async (t) => {
  const { fleet, client, control } = await served(t)
  fleet.write('a', 'one')
  const stop = new AbortController()
  for await (const _ of client.follow({}, stop.signal)) stop.abort()
  for await (const _ of client.follow()) void control.close()
})

test('a reader that does not read costs the fleet no memory and is told what it missed', async (t) => {
  const { fleet, socketPath } = await served(t)
  const socket = connect(socketPath)
  socket.write('GET /v1/logs?follow=1 HTTP/1.1\r\nhost: x\r\n\r\n')
  while (fleet.listeners === 0) await sleep(5)
  socket.pause()
  const line = 'x'.repeat(64 * 1024)
  for (let i = 0; i < 200; i++) {
    fleet.write('a', line)
    if (i % 20 === 0) await sleep(1)
  }
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  socket.resume()
  while (!/\{"dropped":\d+\}/.test(text)) await sleep(5, undefined, t.signal)
  const dropped = Number(/\{"dropped":(\d+)\}/.exec(text)?.[1])
  const received = text.split('"text"').length - 1
  assert.ok(dropped > 100, `dropped ${dropped}`)
  assert.equal(dropped + received, 200)
  socket.destroy()
})

test('shutdown closes the fleet, and the client waits until nobody serves', async (t) => {
  const fleet = new FakeFleet()
  const socketPath = socketIn(t)
  const control = await serveControl({ fleet, socketPath, info: () => null })
  const order: string[] = []
  fleet.close = async () => {
    order.push('fleet closed')
    await control.close()
    order.push('control closed')
  }
  await new ControlClient(socketPath).shutdown()
  assert.deepEqual(order, ['fleet closed', 'control closed'])
})

test('a living owner keeps its socket; the error names it', async (t) => {
  const { socketPath, client } = await served(t)
  const second = serveControl({ fleet: new FakeFleet(), socketPath, info: () => null })
  await assert.rejects(second, {
    code: 'ALREADY_RUNNING',
    message: new RegExp(`already running here \\(pid ${process.pid}`),
  })
  assert.equal((await client.instances()).length, 1)
})

test('the socket of a dead owner is replaced', async (t) => {
  const socketPath = socketIn(t)
  const script = `
    import { mkdirSync } from 'node:fs'
    mkdirSync('${dirname(socketPath)}')
    process.getBuiltinModule('http').createServer().listen('${socketPath}', () => console.log('up'))`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(owner.stdout, 'data')
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  assert.ok(existsSync(socketPath))
  const control = await serveControl({ fleet: new FakeFleet(), socketPath, info: () => 1 })
  t.after(() => control.close())
  assert.equal(await new ControlClient(socketPath).info(), 1)
})

test('of two that start at once after a crash, exactly one gets the socket', async (t) => {
  const socketPath = socketIn(t)
  mkdirSync(dirname(socketPath), { mode: 0o700 })
  writeFileSync(socketPath, '') // nobody listens on it, as on the socket of a dead process
  const start = () => serveControl({ fleet: new FakeFleet(), socketPath, info: () => 1 })
  const results = await Promise.allSettled([start(), start(), start()])
  const winners = results.filter((result) => result.status === 'fulfilled')
  assert.equal(winners.length, 1)
  t.after(() => winners[0]!.value.close())
  const losers = results.filter((result) => result.status === 'rejected')
  assert.deepEqual(
    losers.map(({ reason }) => reason.code),
    ['ALREADY_RUNNING', 'ALREADY_RUNNING'],
  )
})

test('a connection that cannot be accepted ends nobody', async (t) => {
  const listen = t.mock.method(Server.prototype, 'listen')
  const { client } = await served(t)
  const server = listen.mock.calls[0]!.this as Server
  for (let i = 0; i < 2; i++) server.emit('error', new Error('accept EMFILE'))
  assert.equal((await client.instances()).length, 1)
})

test('nobody there is said plainly', async (t) => {
  await assert.rejects(new ControlClient(socketIn(t)).instances(), {
    code: 'NOT_RUNNING',
    message: /no fleet answers on /,
  })
})

interface Answer {
  readonly status: number | undefined
  readonly error: { readonly code: string; readonly message: string; readonly hint: string }
}

function send(socketPath: string, method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, agent: false }, async (response) => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      resolve({ status: response.statusCode, error: JSON.parse(text).error })
    })
    sent.on('error', reject).end(body)
  })
}
