import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import { IssueList } from '../core/issues.ts'
import { checkGatewayConfig } from './config.ts'
import { httpUpstream, instance, workbench } from './workbench.suite.ts'

test('a route with a hedge: the slow instance is let go, and the log, the metrics and explain say so', async (t) => {
  let gone = () => {}
  const wasLetGo = new Promise<void>((resolve) => (gone = resolve))
  const slow: RequestListener = (_, response) => void response.once('close', gone)
  const quick: RequestListener = (_, response) => void response.end('quick')
  const first = await httpUpstream(t, slow)
  const second = await httpUpstream(t, quick)
  const instances = [first, second].map(({ port }, i) => instance(port, { id: `users-${i}`, meta: { n: String(i) } }))
  const hedge = { delayMs: 1 }
  // Of the two the slow one is first for all: the order of the list.
  const balance = (all: readonly { readonly id: string }[]) => all[0] as never
  const bench = await workbench(t, { routes: [{ to: 'users', balance, hedge, name: 'users' }], instances })
  const answer = await fetch(`${bench.url}/x`)
  assert.equal(await answer.text(), 'quick')
  await wasLetGo
  const { attempts } = await bench.line()
  assert.deepEqual(
    (attempts as Record<string, unknown>[]).map(({ durationMs, ...attempt }) => attempt),
    [
      { instance: 'users-1', outcome: 200, hedge: true },
      { instance: 'users-0', outcome: 'CANCELLED' },
    ],
  )
  assert.match(bench.metrics.toText(), /skein_client_hedges_total\{service="users",outcome="won"\} 1/)
  const explained = (await (await fetch(`${bench.adminUrl}/explain?path=/x`)).json()) as { route: { hedge: unknown } }
  assert.deepEqual(explained.route.hedge, hedge)
})

test('a hedge that makes no sense is a mistake of the configuration', () => {
  const issues = new IssueList('gateway')
  checkGatewayConfig({ routes: [{ to: 'users', hedge: { delayMs: 'p42' } }] }, issues, '')
  assert.deepEqual(
    issues.issues.map(({ key, message }) => [key, message]),
    [['routes[0].hedge', 'delayMs: "p42" is neither a number of ms nor one of p90, p95, p99']],
  )
})
