/** ACLs by a Consul client that we did not write, in another language. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { startRegistry } from '../../src/registry/index.ts'
import { needsPython } from '../support/needs.ts'
import { run } from '../support/up.ts'

const { skip, python } = needsPython({ consul: 'python3-consul2' })
const script = path.join(import.meta.dirname, 'python_acl.py')

const EXPECTED = {
  bootstrap: [true, 'global-management'],
  'bootstrap again': 'ACLPermissionDenied',
  policy: ['web', true],
  policies: ['builtin/global-read-only', 'global-management', 'web'],
  role: ['web', true],
  token: ['web', '<hidden>'],
  tokens: ['Anonymous Token', 'Bootstrap Token (Global Management)', 'web'],
  self: true,
  registered: true,
  beat: true,
  healthy: ['web-1'],
  'of another name': 'ACLPermissionDenied',
  keys: [true, 'ACLPermissionDenied', ['web/a']],
  session: 'ACLPermissionDenied',
  anonymous: [{}, 'ACLPermissionDenied', 'ACLPermissionDenied'],
  unknown: 'ACLPermissionDenied',
  updated: 'no more',
  'without rights': 'ACLPermissionDenied',
  clone: ['consul', 'web'],
  deleted: [true, true, true],
  after: 'ACLPermissionDenied',
}

test('python3-consul2 bootstraps, makes policies, roles and tokens, and is held to them', {
  skip,
  timeout: 60_000,
}, async () => {
  const registry = await startRegistry({ port: 0, acl: {} })
  try {
    const { code, stdout, stderr } = await run(python, [script, String(registry.port)], import.meta.dirname)
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), EXPECTED)
  } finally {
    await registry.close()
  }
})

test('with ACLs off it is told so', { skip, timeout: 60_000 }, async () => {
  const registry = await startRegistry({ port: 0 })
  try {
    const { stderr } = await run(python, [script, String(registry.port)], import.meta.dirname)
    assert.match(stderr, /ACLDisabled/)
  } finally {
    await registry.close()
  }
})
