import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type KindUnderTest, testKind } from './check.suite.ts'
import { CHECK_KINDS } from './kinds.ts'

/** Port 1 of loopback: nothing listens there. */
const UNDER_TEST: Readonly<Record<string, KindUnderTest>> = {
  ttl: { failing: { ttlMs: 10_000 } },
  http: { failing: { http: 'http://127.0.0.1:1/', intervalMs: 10_000 } },
  tcp: { failing: { tcp: '127.0.0.1:1', intervalMs: 10_000 } },
  grpc: { failing: { grpc: '127.0.0.1:1', intervalMs: 10_000 } },
  h2ping: { failing: { h2ping: '127.0.0.1:1', intervalMs: 10_000 } },
  udp: { failing: { udp: '127.0.0.1:1', intervalMs: 10_000 } },
  alias: { failing: { aliasService: 'absent' } },
}

for (const [kind, definition] of Object.entries(UNDER_TEST)) testKind(kind, definition)

test('every built-in kind is under test', () => {
  assert.deepEqual(Object.keys(UNDER_TEST).sort(), Object.keys(CHECK_KINDS).sort())
})
