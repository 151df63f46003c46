import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { loadSuite } from './load.suite.ts'
import { FAILURE_PENALTY_MS, LOADS, penalised } from './loads.ts'

for (const [name, make] of Object.entries(LOADS)) loadSuite(name, make)

it('a fast failure counts as a slow answer, a slow one as what it took', () => {
  assert.equal(penalised(1), FAILURE_PENALTY_MS)
  assert.equal(penalised(3000), 3000)
  const clock = new VirtualClock()
  const [failing, slow] = [LOADS['peak-ewma']({ clock }), LOADS['peak-ewma']({ clock })]
  for (let i = 0; i < 50; i++) {
    clock.advance(100)
    failing.end(penalised(1))
    slow.end(200)
  }
  assert.ok(failing.cost() > slow.cost())
})
