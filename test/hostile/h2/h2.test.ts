/** HTTP/2 by prior knowledge at the gateway, by hand-made frames: what becomes HTTP/1.1 behind it, and floods. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { forwardedWrong } from '../check.ts'
import { HOST } from '../contract.ts'
import { drive } from '../drive.ts'
import { type Recorder, record } from '../recorder.ts'
import { gatewayBefore, type Target } from '../target.ts'
import { H2_CASES, type H2Case } from './cases.ts'
import { converse, FLAG, frame, headerBlock, request, TYPE } from './frames.ts'

let recorder: Recorder
let gateway: Target
before(async () => {
  recorder = await record()
  gateway = await gatewayBefore(recorder.port, [{ to: 'users' }])
})
after(async () => {
  await gateway.close()
  recorder.close()
})

test(`${H2_CASES.length} requests`, async () => {
  const faults: string[] = []
  for (const one of H2_CASES) {
    const fault = await checkCase(one)
    if (fault !== undefined) faults.push(`${one.what}: ${fault}`)
  }
  assert.deepEqual(faults, [])
})

const ON_NGHTTP2 = process.env['SKEIN_HTTP2'] === 'node'

async function checkCase({ fields, body, forward, orWithout }: H2Case): Promise<string | undefined> {
  const ending = await converse(gateway.port, request(fields, body), ['answered', 'reset', 'goaway', 'closed'])
  if (ending === 'open') return 'left open'
  try {
    const arrived = recorder.take()
    if (orWithout && ON_NGHTTP2 && arrived.length > 0) return forwardedWrong(arrived, [{ method: 'GET', target: '/x' }])
    return forwardedWrong(arrived, forward === undefined ? [] : [forward])
  } catch (error) {
    return `behind the gateway: ${(error as Error).message}`
  }
}

describe('floods', () => {
  const GET = headerBlock([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/x'],
    [':authority', HOST],
  ])
  const many = (count: number, one: (i: number) => Buffer) =>
    Buffer.concat(Array.from({ length: count }, (_, i) => one(i)))
  const open = (stream: number) => frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, stream, GET)
  const cancel = (stream: number) => frame(TYPE.reset, 0, stream, Buffer.from([0, 0, 0, 8]))
  const empty = Buffer.alloc(0)
  const FLOODS = {
    '10,000 requests reset at once': many(10_000, (i) => Buffer.concat([open(2 * i + 1), cancel(2 * i + 1)])),
    '10,000 CONTINUATION frames without an end': Buffer.concat([
      frame(TYPE.headers, FLAG.endStream, 1, GET),
      many(10_000, () => frame(TYPE.continuation, 0, 1, headerBlock([['x-a', 'b'.repeat(50)]]))),
    ]),
    '10,000 empty CONTINUATION frames': Buffer.concat([
      frame(TYPE.headers, FLAG.endStream, 1, GET),
      many(10_000, () => frame(TYPE.continuation, 0, 1, empty)),
    ]),
    '100,000 SETTINGS': many(100_000, () => frame(TYPE.settings, 0, 0)),
    '100,000 PINGs': many(100_000, () => frame(TYPE.ping, 0, 0, Buffer.alloc(8))),
    '100,000 empty DATA frames': Buffer.concat([
      frame(TYPE.headers, FLAG.endHeaders, 1, GET),
      many(100_000, () => frame(TYPE.data, 0, 1, empty)),
    ]),
  }
  for (const [what, bytes] of Object.entries(FLOODS)) {
    test(`${what}: others are served`, async (t) => {
      const flood = converse(gateway.port, bytes, ['goaway', 'closed'])
      const enough = (text: string) => text.endsWith('ok')
      const { text } = await drive(gateway.port, `GET /y HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, { enough })
      assert.match(text, /^HTTP\/1\.1 200 /)
      t.diagnostic(`the flood ended: ${await flood}`)
      const after = await drive(gateway.port, `GET /z HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, { enough })
      assert.match(after.text, /^HTTP\/1\.1 200 /)
      recorder.take()
    })
  }
})
