/** Two registries, each a process of its own, over one etcd: what is killed is taken over. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { request } from 'undici'
import { needsEtcd, startEtcd } from '../support/etcd.ts'
import { eventually, freePort, ROOT } from '../support/up.ts'

interface Registry {
  readonly url: string
  readonly child: ChildProcess
  readonly output: () => string
}

async function startOne(store: string): Promise<Registry> {
  const port = await freePort()
  const args = ['bin/skein.js', 'registry', '--port', String(port), '--dns-port', 'off', '--store', store]
  const child = spawn(process.execPath, args, { cwd: ROOT })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const url = `http://127.0.0.1:${port}`
  await eventually('a registry', async () => {
    if (child.exitCode !== null) throw new Error(output)
    return (await ask(url, 'GET', '/v1/status/leader')).status === 200
  })
  return { url, child, output: () => output }
}

async function ask(url: string, method: 'GET' | 'PUT', path: string, body?: unknown) {
  const init = body === undefined ? {} : { body: JSON.stringify(body) }
  const answer = await request(url + path, { method, ...init })
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
}

async function end({ child }: Registry, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await exited
}

/** An application whose health can be changed, and that counts who asks for it. */
async function application() {
  let status = 200
  let checked = 0
  const server = createServer((_request, response) => {
    checked++
    response.statusCode = status
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    fail: () => {
      status = 500
    },
    checked: () => checked,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

const IDS = Array.from({ length: 8 }, (_, i) => `web-${i}`)

test('a registry is killed: the other sees all, runs its checks within seconds, removes nothing by mistake', {
  skip: needsEtcd(),
}, async () => {
  const etcd = await startEtcd()
  const store = `${etcd.urls[0]!.replace('http', 'etcd')}/shared`
  const registries = await Promise.all([startOne(store), startOne(store)])
  const [a, b] = registries as [Registry, Registry]
  const app = await application()
  try {
    for (const [i, ID] of IDS.entries()) {
      const checks = [
        { TTL: '6s', Status: 'passing' },
        { HTTP: `http://127.0.0.1:${app.port}/`, Interval: '1s', Timeout: '1s', Status: 'passing' },
      ]
      const body = { ID, Name: 'web', Address: '127.0.0.1', Port: app.port, Checks: checks }
      const { status, text } = await ask(registries[i % 2]!.url, 'PUT', '/v1/agent/service/register', body)
      assert.equal(status, 200, text)
    }
    const passing = async ({ url }: Registry) =>
      JSON.parse((await ask(url, 'GET', '/v1/health/service/web?passing')).text).length as number
    assert.deepEqual([await passing(a), await passing(b)], [8, 8], 'a read elsewhere sees what was acknowledged here')

    let critical = 0
    let killed = false
    let index = '0'
    let watching = true
    const watch = (async () => {
      while (watching) {
        const answer = await ask(b.url, 'GET', `/v1/health/service/web?index=${index}&wait=1s`)
        index = String(answer.headers['x-consul-index'])
        const instances = JSON.parse(answer.text) as { Checks: { Status: string }[] }[]
        if (instances.length !== 8) critical++
        for (const { Checks } of instances) if (Checks.some(({ Status }) => Status === 'critical')) critical++
      }
    })()
    /** Every client beats every 2 s, at whichever registry; the answer of a dead one is no answer. */
    const beat = async (round: number) => {
      for (const [i, id] of IDS.entries()) {
        const { url } = killed ? b : registries[(i + round) % 2]!
        assert.equal((await ask(url, 'PUT', `/v1/agent/check/pass/service:${id}:1`)).status, 200)
      }
    }
    const pause = () => new Promise((resolve) => setTimeout(resolve, 2000))
    for (let round = 0; round < 12; round++) {
      if (round === 4) {
        await end(a, 'SIGKILL')
        killed = true
      }
      await beat(round)
      await pause()
    }
    assert.equal(critical, 0, 'nothing turned critical or vanished')
    watching = false
    await watch

    app.fail()
    await eventually('the other registry to run every HTTP check', async () => (await passing(b)) === 0, 15_000)
    assert.ok(app.checked() > 0)
  } finally {
    await Promise.all(registries.map((one) => end(one, 'SIGTERM')))
    await app.close()
    await etcd.close()
  }
})
