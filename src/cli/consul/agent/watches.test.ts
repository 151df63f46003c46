/** Watches of an agent's files: who is told of what, what a reload changes, and that nothing of it outlives the agent. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { eventually } from '../../../../test/support/up.ts'
import { systemClock, VirtualClock } from '../../../core/clock.ts'
import { createLogger } from '../../../core/log.ts'
import { loadConfig } from '../config/load.ts'
import { consulKit } from '../consul-kit.fixture.ts'
import { Watches } from './watches.ts'

/** A registry, and watches that follow it in its folder; what they log is kept. */
async function watching({ acl = false, clock = systemClock } = {}) {
  const kit = await consulKit(acl ? { acl: { ownToken: MASTER } } : {})
  const logged: string[] = []
  const log = createLogger({}, 'debug', { write: (line) => logged.push(line) })
  const { dir: cwd, registry } = kit
  const address = registry.url
  const watches = new Watches({ address, token: undefined, clock, log, env: process.env, cwd })
  return {
    ...kit,
    logged,
    apply: (...written: object[]) =>
      watches.apply(loadConfig([{ name: 'w.json', text: JSON.stringify({ watches: written }) }], cwd)),
    lines(name: string): unknown[] {
      const found = readFileSync(path.join(cwd, name), { encoding: 'utf8', flag: 'a+' })
      return found
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as unknown)
    },
    put: (key: string, value: string) => kit.run(['kv', 'put', `-token=${MASTER}`, key, value]),
    async [Symbol.asyncDispose]() {
      await watches.end()
      await kit[Symbol.asyncDispose]()
    },
  }
}

const MASTER = '11111111-2222-3333-4444-555555555555'
const textOf = (pair: unknown) => Buffer.from((pair as { Value: string }).Value, 'base64').toString()

test('a program by args, another by a line for the shell; one that fails is told again of the next change', async () => {
  await using it = await watching()
  await it.put('k', '0')
  const args = [process.execPath, '-e', 'process.stdin.pipe(process.stdout); process.exitCode = 3']
  await it.apply(
    { type: 'key', key: 'k', handler: 'cat >> told; test -n "$CONSUL_INDEX"' },
    { type: 'key', key: 'k', args },
  )
  await eventually('the first state', async () => it.lines('told').length === 1)
  await it.put('k', '1')
  await eventually('the second', async () => it.lines('told').map(textOf).join() === '0,1')
  await eventually('both failures are logged', async () => {
    return it.logged.filter((line) => line.includes('Error executing handler: exit status 3')).length === 2
  })
  assert.ok(it.logged.every((line) => line.includes('"watch":"w.json: watches[')))
})

test('an HTTP endpoint; one that answers with an error or not in time is logged and told of the next change', async () => {
  const clock = new VirtualClock()
  await using it = await watching({ clock })
  const told: { headers: IncomingHttpHeaders; body: unknown }[] = []
  const server = createServer(async (request, response) => {
    told.push({ headers: request.headers, body: JSON.parse(await text(request)) })
    if (told.length === 1) response.writeHead(503).end('not now')
    else if (told.length > 2) response.end('thanks')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  try {
    const config = { path: `http://127.0.0.1:${port}/hook`, header: { 'x-of': ['a', 'b'] }, timeout: '200ms' }
    await it.apply({ type: 'service', service: 'web', handler_type: 'http', http_handler_config: config })
    for (const [count, name] of [
      [1, 'web-1'],
      [2, 'web-2'],
      [3, 'web-3'],
    ] as const) {
      await eventually(`told ${count} times`, async () => told.length === count)
      await it.run(['services', 'register', '-name=web', `-id=${name}`])
      if (count === 2) clock.advance(200) // this one gets no answer
    }
    await eventually('told of the last', async () => it.logged.some((line) => line.includes('"output":"thanks"')))
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  assert.deepEqual(told[0]!.body, [])
  assert.equal(told[0]!.headers['x-of'], 'a, b')
  assert.equal(told[0]!.headers['content-type'], 'application/json')
  assert.match(String(told[0]!.headers['x-consul-index']), /^\d+$/)
  const logged = it.logged.join('')
  assert.match(logged, /POST http:\/\/127\.0\.0\.1:\d+\/hook: status 503: not now/)
  assert.match(logged, /hook: no answer within 200 ms/)
})

test('a reload begins what is new and ends what is gone; what stays is not told again what it knows', async () => {
  await using it = await watching()
  const stays = { type: 'key', key: 'a', handler: 'cat >> stays' }
  await it.apply(stays, { type: 'key', key: 'a', handler: 'cat >> gone' })
  await eventually('both are told', async () => it.lines('stays').length + it.lines('gone').length === 2)
  await it.apply({ type: 'keyprefix', prefix: 'a', handler: 'cat >> new' }, stays)
  await eventually('the new one', async () => it.lines('new').length === 1)
  await it.put('a', 'x')
  await eventually('all that are left', async () => it.lines('new').length + it.lines('stays').length === 4)
  assert.equal(it.lines('gone').length, 1)
})

test('events: those that are there, then the new ones', async () => {
  await using it = await watching()
  await it.run(['event', '-name=deploy', '1'])
  await it.apply({ type: 'event', name: 'deploy', args: ['tee', '-a', 'events'] })
  await eventually('the first', async () => it.lines('events').length === 1)
  await it.run(['event', '-name=other'])
  await it.run(['event', '-name=deploy', '2'])
  await eventually('the second', async () => it.lines('events').length === 2)
  assert.deepEqual(
    it.lines('events').map((list) => (list as unknown[]).length),
    [1, 1],
  )
})

test('with ACLs a watch sees what its token may see; one that is refused is tried again, and the agent told', async () => {
  await using it = await watching({ acl: true })
  await it.put('secret', 'x')
  await it.apply(
    { type: 'key', key: 'secret', handler: 'cat >> anybody' },
    { type: 'key', key: 'secret', token: MASTER, handler: 'cat >> master' },
  )
  await eventually('the one with the token', async () => it.lines('master').length === 1)
  await eventually('the other is refused', async () => it.logged.some((line) => line.includes('403')))
  assert.deepEqual(it.lines('anybody'), [])
})

test('a handler that is still at work ends with its watch', async () => {
  await using it = await watching()
  const script = 'fs.writeFileSync("pid", String(process.pid)); setInterval(() => {}, 1000)'
  await it.apply({ type: 'nodes', args: [process.execPath, '-e', script] })
  await eventually('it is at work', async () => it.lines('pid').length === 1)
  await it.apply()
  const pid = Number(it.lines('pid')[0])
  await eventually('it has gone', async () => !isThere(pid))
  assert.ok(!it.logged.some((line) => line.includes('"level":"error"')), it.logged.join(''))
})

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false // no such process: what is waited for
  }
}
