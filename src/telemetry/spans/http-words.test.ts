import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseTraceparent } from '../trace.ts'
import { methodAttributes, serverAttributes, tellStatus, urlOf } from './http-words.ts'
import { attributesOf, keptSpans } from './kept.suite.ts'
import { recorded } from './tracer.ts'

test('a method that nobody knows is told beside the word for it, and not at any length', () => {
  assert.deepEqual(methodAttributes('QUERY'), { 'http.request.method': 'QUERY' })
  assert.deepEqual(methodAttributes('get'), { 'http.request.method': '_OTHER', 'http.request.method_original': 'get' })
  assert.equal(String(methodAttributes('A'.repeat(1000))['http.request.method_original']).length, 64)
})

test('the server is who the Host header names, a port beside it, an address of IPv6 without brackets', () => {
  const request = { method: 'GET', target: '/', scheme: 'http', version: '1.1', userAgent: undefined, requestId: 'r' }
  const named = (host: string | undefined) => {
    const { 'server.address': address, 'server.port': port } = serverAttributes({ ...request, host })
    return [address, port]
  }
  assert.deepEqual(named('shop.example:8080'), ['shop.example', 8080])
  assert.deepEqual(named('shop.example'), ['shop.example', undefined])
  assert.deepEqual(named('[::1]:80'), ['::1', 80])
  assert.deepEqual(named('[::1]'), ['::1', undefined])
  assert.deepEqual(named(undefined), [undefined, undefined])
})

test('spans that wait keep no heads', () => {
  const { tracer, spans } = keptSpans()
  const before = used()
  for (let i = 0; i < 100; i++) {
    const head = `${'c'.repeat(32)}${String(i).padStart(16, 'd')}${'e'.repeat(200_000)}`
    // As a parser cuts them out of one text.
    const cut = (from: number, to: number) => Buffer.from(head).toString('latin1').slice(from, to)
    const parent = parseTraceparent(`00-${'c'.repeat(32)}-${cut(32, 48).replaceAll('d', '0')}-01`, cut(60, 100))
    const span = recorded(tracer.begin(parent, 'GET', 'server', true))!
    const request = { method: 'GET', target: cut(50, 80), scheme: 'http', host: cut(50, 90), version: '1.1' }
    span.set(serverAttributes({ ...request, userAgent: cut(50, 150), requestId: cut(60, 90) }))
    span.set({ 'url.full': urlOf('http://a', cut(50, 80)) })
    tellStatus(span, 500, 500, cut(70, 90))
    span.end()
  }
  const grown = used() - before
  assert.equal(attributesOf(spans.at(-1)!)['error.type'], 'e'.repeat(20))
  assert.ok(grown < 4e6, `100 spans hold ${grown} bytes, a hundred heads of 200 kB are 20 MB`)
})

function used(): number {
  setFlagsFromString('--expose-gc')
  const gc: () => void = runInNewContext('gc')
  for (let i = 0; i < 3; i++) gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
