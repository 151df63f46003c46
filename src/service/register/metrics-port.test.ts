import assert from 'node:assert/strict'
import { Server } from 'node:net'
import { test } from 'node:test'
import { Metrics } from '../../telemetry/metrics.ts'
import { serveMetrics } from './metrics-port.ts'

test('serves metrics and nothing else, and what it cannot accept ends no app', async (t) => {
  const listen = t.mock.method(Server.prototype, 'listen')
  const port = await serveMetrics(new Metrics())
  const server = listen.mock.calls[0]!.this as Server
  t.after(() => server.close())
  for (let i = 0; i < 2; i++) server.emit('error', new Error('accept EMFILE'))
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
  assert.match(await (await ask('/metrics')).text(), /process_resident_memory_bytes/)
  assert.equal((await ask('/')).status, 404)
})
