import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import { test } from 'node:test'
import { http2Engine } from './http2-engine.ts'
import { httpUpstream, instance, workbench } from './workbench.suite.ts'

test('our own unless SKEIN_HTTP2 says otherwise; another name is told with the way out', () => {
  assert.equal(http2Engine({}), 'wire')
  assert.equal(http2Engine({ SKEIN_HTTP2: '' }), 'wire')
  assert.equal(http2Engine({ SKEIN_HTTP2: 'node' }), 'node')
  assert.throws(() => http2Engine({ SKEIN_HTTP2: 'quic' }), /SKEIN_HTTP2: quic speaks no HTTP\/2.*Take wire or node/s)
})

for (const http2 of ['wire', 'node'] as const) {
  test(`a gateway that speaks HTTP/2 by ${http2}`, async (t) => {
    const { port } = await httpUpstream(t, (request, response) => request.pipe(response))
    const { gateway } = await workbench(t, { instances: [instance(port)], http2 })
    const session = connect(`http://127.0.0.1:${gateway.port}`)
    t.after(() => session.destroy())
    const stream = session.request({ ':method': 'POST', ':path': '/x' })
    stream.end('abc'.repeat(50_000))
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    assert.equal(text, 'abc'.repeat(50_000))
  })
}
