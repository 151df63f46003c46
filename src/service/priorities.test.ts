import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { op, service } from './define.ts'
import type { Exchange } from './exchange.ts'

test('an operation keeps its priority whatever its path holds, and HEAD has that of its GET', () => {
  const input = { in: z.object({ id: z.string() }) }
  const { '~app': app } = service('app', {
    report: op({ route: 'GET /report/:id', ...input, priority: 'batch' }, () => ''),
    check: op({ route: 'HEAD /check', priority: 'health' }, () => ''),
    plain: op({ route: 'GET /check' }, () => ''),
  })
  const of = (method: string, path: string) => app.priorityOf?.({ method, path } as Exchange)
  for (const path of ['/report/7', `/report/${'7'.repeat(5000)}`]) {
    assert.equal(of('GET', path), 'batch')
    assert.equal(of('HEAD', path), 'batch')
  }
  assert.deepEqual([of('HEAD', '/check'), of('GET', '/check'), of('GET', '/none')], ['health', undefined, undefined])
})
