import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { UsageError } from './command.ts'
import { readDnsPort } from './dns-port.ts'

const SKEIN = path.join(fileURLToPath(new URL('../..', import.meta.url)), 'bin/skein.js')

test('--dns-port takes a port or off', () => {
  assert.deepEqual([undefined, 'off', '0', '8600'].map(readDnsPort), [undefined, 'off', 0, 8600])
  for (const text of ['', 'on', '-1', '65536', '8600x']) assert.throws(() => readDnsPort(text), UsageError)
})

const skip = process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8'

test('skein registry serves DNS where it is told to', { skip }, async (context) => {
  const args = ['--memory', '--port', '0', '--host', '127.0.0.3', '--dns-host', '127.0.0.2', '--json']
  const child = spawn(process.execPath, [SKEIN, 'registry', ...args])
  context.after(() => child.kill('SIGTERM'))
  const lines = createInterface(child.stdout)
  for await (const line of lines) {
    const { msg, host, port } = JSON.parse(line)
    if (msg !== 'DNS serves') continue
    assert.equal(host, '127.0.0.2')
    const resolver = new Resolver()
    resolver.setServers([`127.0.0.2:${port}`])
    return assert.equal((await resolver.resolveSrv('consul.service.consul'))[0]?.port, 8300)
  }
  assert.fail('DNS does not serve')
})

test('skein registry says who has the DNS port, and ends', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  const child = spawn(process.execPath, [SKEIN, 'registry', '--memory', '--port', '0', '--dns-port', String(port)])
  let output = ''
  child.stderr.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'close')
  socket.close()
  assert.equal(code, 1)
  assert.match(output, new RegExp(`port ${port} \\(DNS\\) is taken by `))
  assert.match(output, /--dns-port/)
})
