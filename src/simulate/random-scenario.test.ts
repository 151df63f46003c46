/** Thousands of short scenarios, each with faults and a policy of its own. A failure names its seed: SKEIN_SEED starts there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Invariants } from './invariants.ts'
import { checkSeed, randomCase } from './random-scenario.ts'
import { simulate } from './simulate.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
const SEEDS = 10_000
console.log(`SKEIN_SEED=${SEED}`)

test(`the invariants hold in ${SEEDS} scenarios`, () => {
  let [failed, retried] = [0, 0]
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const { requests, attempts, failed: lost } = checkSeed(seed)
    failed += lost
    retried += attempts > requests ? 1 : 0
  }
  // Otherwise the scenarios would be too tame to show anything.
  assert.ok(retried > SEEDS / 10 && failed > 0, `${retried} with retries, ${failed} failed requests`)
})

test('a policy that ignores who is eligible is found out', () => {
  const drawn = randomCase(SEED)
  const careless = new Invariants({ noneStarves: false })
  const observer: Invariants['picked'] = (pick) =>
    careless.picked({
      ...pick,
      candidates: pick.candidates.map((one) => ({ ...one, healthy: one.id !== pick.instance })),
    })
  const scenario = {
    ...drawn.scenario,
    instances: [0, 1].map((i) => ({ ...drawn.scenario.instances[0]!, id: `i${i}` })),
    events: [],
  }
  const options = { scenario, balance: 'p2c', observer: { picked: observer, retried() {}, ended() {} } } as const
  assert.throws(() => simulate(options), /was chosen, out or tried before, while i\d was free/)
})

test('starvation, a lost request, a leaked count and a burst of retries are found out', () => {
  const invariants = new Invariants({ noneStarves: true })
  const { scenario } = randomCase(SEED)
  const result = simulate({ scenario: { ...scenario, events: [] }, balance: 'round-robin' })
  const quiet = { ...scenario, events: [] }
  const [{ id } = { id: '' }] = quiet.instances
  invariants.finished(quiet, result)
  assert.throws(
    () => invariants.finished(quiet, { ...result, byInstance: { ...result.byInstance, [id]: 0 } }),
    /starved/,
  )
  assert.throws(() => invariants.finished(quiet, { ...result, requests: 1 }), /requests ended/)
  assert.throws(() => invariants.retried(4, 10), /exceed the budget/)
  invariants.picked({
    caller: 0,
    instance: id,
    tried: new Set(),
    candidates: [{ id, weight: 1, healthy: true, inFlight: 0 }],
  })
  assert.throws(() => invariants.finished(quiet, result), /never ended/)
  assert.throws(() => invariants.ended(0, id, 1), /1 requests to .* are counted, 0 are in flight/)
})
