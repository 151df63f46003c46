/** The canary: a proxy that passes bytes on unread must be caught by every case that is to be refused, or the runner sees nothing. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { REQUEST_CASES } from './cases/index.ts'
import { checkForwarding } from './check.ts'
import { record } from './recorder.ts'

test('a proxy that passes everything on is caught', async (t) => {
  const recorder = await record()
  const proxy = createServer((client) => {
    const upstream = connect(recorder.port, '127.0.0.1')
    client.on('error', () => upstream.destroy()).pipe(upstream)
    upstream.on('error', () => client.destroy()).pipe(client)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => {
    proxy.close()
    recorder.close()
  })
  const { port } = proxy.address() as AddressInfo
  // Bytes that end in the middle of a message would only be waited for.
  const whole = (bytes: string) => bytes.endsWith('\r\n\r\n')
  const cases = Object.values(REQUEST_CASES).flatMap((group) =>
    group.filter(({ refuse, bytes }) => refuse === 400 && whole(bytes)).slice(0, 10),
  )
  const missed: string[] = []
  for (const one of cases) {
    // Such a proxy does not end connections: that alone is not what it shall be caught for.
    const { fault } = await checkForwarding({ ...one, mayGoOn: true }, port, recorder)
    if (fault === undefined) missed.push(one.what)
  }
  assert.deepEqual(missed, [])
  assert.ok(cases.length > 40, `only ${cases.length} cases`)
})
