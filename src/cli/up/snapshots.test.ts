import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { planFleet } from './plan.ts'
import { snapshotsOf } from './snapshots.ts'

/** A config's folder with a snapshot that an earlier fleet left. */
function scene(t: TestContext) {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-up-snapshots-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const folder = path.join(dir, '.skein', 'snapshots')
  const left = path.join(folder, 'instances%2Fusers.skein-snapshot')
  mkdirSync(folder, { recursive: true })
  writeFileSync(left, '{}')
  const plan = (registry: { address?: string } = {}) =>
    planFleet({ services: {}, registry }, path.join(dir, 'skein.config.ts'), { admin: 1 })
  return { folder, plan, isLeft: () => existsSync(left) }
}

test('a fleet that starts its registry begins without what an earlier one left', (t) => {
  const { folder, plan, isLeft } = scene(t)
  assert.equal(snapshotsOf(plan(), {}), folder)
  assert.equal(isLeft(), false)
})

test('beside a registry that runs elsewhere it stays, and so it does in a folder of the user', (t) => {
  const { folder, plan, isLeft } = scene(t)
  assert.equal(snapshotsOf(plan({ address: 'http://10.0.0.5:8500' }), {}), folder)
  for (const given of ['off', 'on', folder]) assert.equal(snapshotsOf(plan(), { SKEIN_SNAPSHOTS: given }), given)
  assert.equal(isLeft(), true)
})
