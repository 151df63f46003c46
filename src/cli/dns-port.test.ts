import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { UsageError } from './command.ts'
import { readDnsPort } from './dns-port.ts'

test('--dns-port takes a port or off', () => {
  assert.deepEqual([undefined, 'off', '0', '8600'].map(readDnsPort), [undefined, 'off', 0, 8600])
  for (const text of ['', 'on', '-1', '65536', '8600x']) assert.throws(() => readDnsPort(text), UsageError)
})

test('skein registry says who has the DNS port, and ends', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  const skein = path.join(fileURLToPath(new URL('../..', import.meta.url)), 'bin/skein.js')
  const child = spawn(process.execPath, [skein, 'registry', '--memory', '--port', '0', '--dns-port', String(port)])
  let output = ''
  child.stderr.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'close')
  socket.close()
  assert.equal(code, 1)
  assert.match(output, new RegExp(`port ${port} \\(DNS\\) is taken by `))
  assert.match(output, /--dns-port/)
})
