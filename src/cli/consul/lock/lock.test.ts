import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Consul from 'consul'
import { eventually } from '../../../../test/support/up.ts'
import { consulKit } from '../consul-kit.fixture.ts'

const SKEIN = fileURLToPath(new URL('../../../../bin/skein.js', import.meta.url))

let kit: Awaited<ReturnType<typeof consulKit>>
before(async () => {
  kit = await consulKit()
})
after(() => kit[Symbol.asyncDispose]())

const run = (...argv: string[]) => kit.run(['lock', ...argv])
const file = (name: string) => path.join(kit.dir, name)
const read = (name: string) => (existsSync(file(name)) ? readFileSync(file(name), 'utf8') : undefined)

async function kv(key: string): Promise<{ Session?: string; Flags: number }[]> {
  const answer = await fetch(`${kit.registry.url}/v1/kv/${key}?recurse`)
  return answer.status === 404 ? [] : ((await answer.json()) as { Flags: number }[])
}

const sessions = async () => (await (await fetch(`${kit.registry.url}/v1/session/list`)).json()) as { ID: string }[]

/** The command as a process of its own, which can be sent signals and can be killed. */
function start(...argv: string[]): ChildProcess {
  const env = { ...process.env, CONSUL_HTTP_ADDR: `127.0.0.1:${kit.registry.port}` }
  return spawn(process.execPath, [SKEIN, 'consul', 'lock', ...argv], { cwd: kit.dir, env, stdio: 'pipe' })
}

/** A program that says it runs, waits for the file `<name>.go` (or the end of the test), and goes. */
const waiter = (name: string) =>
  `echo on >> ${name}; while [ -e "$PWD" ] && [ ! -e ${name}.go ]; do sleep 0.02; done; echo off >> ${name}`
const go = (name: string) => kit.write(`${name}.go`, '')

describe('a lock', { timeout: 60_000 }, () => {
  test('is held while the program runs, and nothing is left of it', async () => {
    const { status, stderr } = await run('a', 'echo "$CONSUL_LOCK_HELD" > held; consul_is_silent=1')
    assert.deepEqual([status, stderr, read('held')], [0, '', 'true\n'])
    assert.deepEqual([await kv('a'), await sessions()], [[], []])
  })

  test('lies where other clients look for it, and shuts them out', async () => {
    const done = run('/b/', waiter('b'))
    await eventually('the program runs', async () => read('b') !== undefined)
    const client = new Consul({ host: '127.0.0.1', port: kit.registry.port })
    const { ID } = await client.session.create({ ttl: '10s' })
    assert.ok(!(await client.kv.set({ key: 'b/.lock', value: 'x', acquire: ID })))
    const text = await (await fetch(`${kit.registry.url}/v1/kv/b/.lock`)).text()
    assert.match(text, /"Flags":3304740253564472344\b/)
    assert.equal((await sessions()).length, 2)
    go('b')
    assert.equal((await done).status, 0)
    await client.session.destroy(ID)
  })

  test('is waited for, and had as soon as it is given back', async () => {
    const first = run('c', waiter('c1'))
    await eventually('the first runs', async () => read('c1') !== undefined)
    const second = run('c', 'cat c1 > c2')
    await eventually('the second has a session', async () => (await sessions()).length === 2)
    assert.equal(read('c2'), undefined)
    go('c1')
    await Promise.all([first, second])
    assert.equal(read('c2'), 'on\noff\n')
  })

  test('is not waited for beyond -timeout, or -try', async () => {
    const first = run('d', waiter('d'))
    await eventually('the first runs', async () => read('d') !== undefined)
    for (const flag of ['-timeout=200ms', '-try=200ms']) {
      const { status, stderr } = await run(flag, 'd', 'echo never > never')
      assert.deepEqual([status, stderr], [1, 'Shutdown triggered or timeout during lock acquisition\n'])
    }
    go('d')
    await first
    assert.equal(read('never'), undefined)
    assert.deepEqual(await sessions(), [])
  })

  test("takes the program's failure for its own only with -child-exit-code", async () => {
    const plain = await run('e', 'exit 3')
    assert.deepEqual([plain.status, plain.stderr], [0, 'Error running handler: exit status 3\n'])
    assert.equal((await run('-child-exit-code', 'e', 'exit 3')).status, 2)
    assert.equal((await run('-child-exit-code', 'e', 'true')).status, 0)
    const gone = await run('-shell=false', '-child-exit-code', 'e', '/gone')
    assert.equal(gone.status, 2)
    assert.match(gone.stderr, /^Error executing handler: spawn \/gone ENOENT/)
  })

  test('of a key of another use is refused', async () => {
    await kit.run(['kv', 'put', 'f/.lock', 'x'])
    assert.match((await run('f', 'true')).stderr, /^Lock acquisition failed: Existing key does not match lock use/)
    assert.match((await run('-n=2', 'f', 'true')).stderr, /failed: Existing key does not match semaphore use/)
    assert.deepEqual(await sessions(), [])
  })

  test('that somebody takes away ends the program, what its shell has started too', async () => {
    const done = run('-verbose', 'g', `trap 'echo term >> g2' TERM; (${waiter('g')}) & wait; wait`)
    await eventually('the program runs', async () => read('g') !== undefined)
    const [{ ID }] = (await sessions()) as [{ ID: string }]
    await fetch(`${kit.registry.url}/v1/session/destroy/${ID}`, { method: 'PUT' })
    const { status, stdout } = await done
    assert.equal(status, 0)
    assert.match(stdout, /Lock lost, killing child/)
    assert.deepEqual([read('g'), read('g2')], ['on\n', 'term\n'])
  })
})

describe('the command', { timeout: 60_000 }, () => {
  test('that is asked to end ends its program, and gives the lock back', async () => {
    const child = start('h', `trap 'echo term > h2; exit 0' TERM; ${waiter('h')}`)
    await eventually('the program runs', async () => read('h') !== undefined)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.deepEqual([read('h2'), await kv('h'), await sessions()], ['term\n', [], []])
  })

  test('waits for a lock as a process that has nothing else to do, and ends when asked', async () => {
    const first = run('i', waiter('i'))
    await eventually('the first runs', async () => read('i') !== undefined)
    const child = start('i', 'echo never > never')
    await eventually('the second waits', async () => (await sessions()).length === 2)
    child.kill('SIGINT')
    assert.deepEqual(await once(child, 'exit'), [1, null])
    go('i')
    await first
    assert.equal(read('never'), undefined)
  })

  test('hands its standard input on with -pass-stdin only', async () => {
    const child = start('-pass-stdin', 'j', 'cat > j')
    child.stdin!.end('hello')
    await once(child, 'exit')
    assert.equal(read('j'), 'hello')
    const other = start('j', 'cat > j2')
    await once(other, 'exit')
    other.stdin!.destroy()
    assert.equal(read('j2'), '')
  })

  const REFUSED: readonly (readonly [string, RegExp])[] = [
    ['', /^Key prefix and child command must be specified/],
    ['k', /^Key prefix and child command must be specified/],
    ['/ true', /^missing prefix/],
    ['-n=0 k true', /^Lock holder limit must be positive/],
    ['-timeout=x k true', /^-timeout=x: write a duration/],
    ['-try=-1s k true', /^-timeout=-1s: write a duration/],
  ]
  for (const [line, pattern] of REFUSED) {
    test(`lock ${line} has status 1`, async () => {
      const { status, stderr } = await run(...line.split(' ').filter(Boolean))
      assert.equal(status, 1)
      assert.match(stderr, pattern)
    })
  }
})

describe('a semaphore', { timeout: 60_000 }, () => {
  test('lets so many in at once, and the next when one goes', async () => {
    const all = [1, 2, 3].map((i) => run('-n=2', 's', waiter(`s${i}`)))
    const running = () => [1, 2, 3].filter((i) => read(`s${i}`) !== undefined)
    await eventually('two run, the third waits', async () => running().length === 2 && (await sessions()).length === 3)
    const [first] = running()
    const { status, stderr } = await run('-n=3', '-timeout=60s', 's', 'true')
    assert.deepEqual([status, stderr], [1, 'Lock acquisition failed: semaphore limit conflict (lock: 2, local: 3)\n'])
    assert.equal(running().length, 2)
    go(`s${first}`)
    await eventually('the third runs', async () => running().length === 3)
    for (const i of [1, 2, 3]) go(`s${i}`)
    for (const { status: one } of await Promise.all(all)) assert.equal(one, 0)
    assert.deepEqual([await kv('s'), await sessions()], [[], []])
  })

  test('counts nobody whose session has ended', async () => {
    const done = run('-n=2', 't', waiter('t1'))
    await eventually('the first runs', async () => read('t1') !== undefined)
    const dead = { Limit: 2, Holders: { '00000000-0000-0000-0000-000000000001': true } }
    const before = await (await fetch(`${kit.registry.url}/v1/kv/t/.lock?raw`)).json()
    assert.deepEqual(Object.values((before as typeof dead).Holders), [true])
    const holders = { Limit: 2, Holders: { ...(before as typeof dead).Holders, ...dead.Holders } }
    const flags = '16210313421097356768'
    await fetch(`${kit.registry.url}/v1/kv/t/.lock?flags=${flags}`, { method: 'PUT', body: JSON.stringify(holders) })
    assert.equal((await run('-n=2', '-timeout=60s', 't', 'echo in > t2')).status, 0)
    assert.equal(read('t2'), 'in\n')
    go('t1')
    assert.equal((await done).status, 0)
  })
})
