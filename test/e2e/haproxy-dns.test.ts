/** A balancer that is none of ours finds instances by SRV records, and follows them as they come and go. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { request } from 'undici'
import { type RunningRegistry, startRegistry } from '../../src/registry/index.ts'
import { findProgram, needsProgram } from '../support/needs.ts'
import { eventually, freePort, scratch } from '../support/up.ts'

const skip = needsProgram('haproxy')

const config = (port: number, dnsPort: number) => `
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
  retries 2
  option redispatch

resolvers sk
  nameserver registry 127.0.0.1:${dnsPort}
  accepted_payload_size 8192
  resolve_retries 3
  timeout resolve 200ms
  timeout retry 200ms
  hold valid 200ms
  hold nx 200ms
  hold obsolete 200ms

frontend edge
  bind 127.0.0.1:${port}
  default_backend web

backend web
  balance roundrobin
  default-server inter 200ms fall 2 rise 1
  server-template web 10 _web._tcp.service.consul resolvers sk resolve-opts allow-dup-ip init-addr none check
`

describe('HAProxy discovers by DNS', { skip, timeout: 90_000 }, () => {
  const { dir, remove } = scratch('haproxy')
  const servers = new Map<string, Server>()
  let registry: RunningRegistry
  let haproxy: ChildProcess
  let edge: string
  let output = ''

  before(async () => {
    registry = await startRegistry({ port: 0, dnsPort: 0 })
    const port = await freePort()
    const file = path.join(dir, 'haproxy.cfg')
    writeFileSync(file, config(port, registry.dnsPort!))
    haproxy = spawn(findProgram('haproxy')!, ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [haproxy.stdout, haproxy.stderr]) stream?.on('data', (chunk) => (output += chunk))
    edge = `http://127.0.0.1:${port}`
  })

  after(async () => {
    if (haproxy?.exitCode === null) {
      haproxy.kill('SIGTERM')
      await once(haproxy, 'exit')
    }
    for (const server of servers.values()) server.close().closeAllConnections()
    await registry?.close()
    remove()
  })

  const put = async (url: string, body?: unknown) => {
    const answer = await request(`${registry.url}/v1/agent/${url}`, {
      method: 'PUT',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    assert.equal(answer.statusCode, 200, await answer.body.text())
  }

  /** A real instance, registered through the API with a TTL check. */
  const start = async (id: string) => {
    const server = createServer((_request, response) => response.end(id)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    servers.set(id, server)
    const check = { CheckID: `${id}:beat`, TTL: '10m', Status: 'passing' }
    const { port } = server.address() as AddressInfo
    await put('service/register', { Name: 'web', ID: id, Address: '127.0.0.1', Port: port, Check: check })
  }

  /** Who answers one request. */
  const ask = async (): Promise<string> => {
    const answer = await request(edge)
    const text = await answer.body.text()
    return answer.statusCode === 200 ? text : String(answer.statusCode)
  }

  /** Waits until the backends are exactly these: each answers, and nobody else does. */
  const settled = (...ids: string[]) =>
    eventually(`backends ${ids.join(', ')} (HAProxy: ${output})`, async () => {
      const seen = new Set<string>()
      for (let i = 0; i < 30; i++) seen.add(await ask())
      return [...seen].sort().join() === ids.join()
    })

  test('an instance appears', async () => {
    await start('a')
    await settled('a')
  })

  test('more instances, on the same address: each port is a backend', async () => {
    await start('b')
    await start('c')
    await settled('a', 'b', 'c')
  })

  test('one that turns critical leaves, and comes back', async () => {
    await put('check/fail/b:beat')
    await settled('a', 'c')
    await put('check/pass/b:beat')
    await settled('a', 'b', 'c')
  })

  test('deregistered instances leave before they end: no request fails', async () => {
    let failed = 0
    let done = false
    const load = (async () => {
      while (!done) if ((await ask()).startsWith('5')) failed++
    })()
    await put('service/deregister/a')
    await put('service/deregister/b')
    await settled('c')
    servers.get('a')!.close().closeAllConnections()
    servers.get('b')!.close().closeAllConnections()
    done = true
    await load
    assert.equal(failed, 0)
    await settled('c')
  })

  test('none left: 503, and the first to return is found', async () => {
    await put('service/deregister/c')
    await settled('503')
    await start('d')
    await settled('d')
  })
})
