/**
 * Who is asked, by what the registry says of each and what traffic has shown of it: all combinations of three instances, against the
 * table of docs/resilience.md as plainly as it can be written.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OwnPolicy } from '../balance/balance-config.ts'
import { VirtualClock } from '../core/clock.ts'
import { seeded } from '../core/random.ts'
import type { Instance } from '../discovery/contract.ts'
import { staticSource } from '../discovery/source/static.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { createCaller } from './caller.ts'
import type { Caller } from './contract.ts'
import { describe } from './kit.suite.ts'

const WORDS = {
  passing: {},
  warning: { status: 'warning' },
  critical: { status: 'critical' },
  drained: { weight: 0 },
} as const
type Word = keyof typeof WORDS

interface State {
  readonly id: string
  readonly word: Word
  /** Ejected by traffic. */
  readonly isOut: boolean
}

const EACH = (Object.keys(WORDS) as Word[]).flatMap((word) => [false, true].map((isOut) => ({ word, isOut })))

function* combinations(): Generator<readonly State[]> {
  for (const a of EACH)
    for (const b of EACH) for (const c of EACH) yield [a, b, c].map((state, i) => ({ ...state, id: `u${i + 1}` }))
}

function expected(states: readonly State[]): readonly State[] {
  const well = states.filter(({ word }) => word === 'passing' || word === 'warning')
  const critical = states.filter(({ word }) => word === 'critical')
  const tiers = [well, critical].map((tier) => tier.filter(({ isOut }) => !isOut))
  return [...tiers, well, critical].find((tier) => tier.length > 0) ?? []
}

const only = (id: string) => ({ balance: ((all) => all.find((one) => one.id === id)!) as OwnPolicy })

/** Five broken connections in a row. */
async function eject(caller: Caller, id: string) {
  for (let i = 0; i < 5; i++) (await caller.lease({ service: 'users', policy: only(id) })).release(true)
}

async function asked(caller: Caller): Promise<string[]> {
  const seen = new Set<string>()
  for (let i = 0; i < 24; i++) {
    const lease = await caller.lease({ service: 'users', policy: { balance: 'round-robin' } }).catch(() => undefined)
    if (lease !== undefined) seen.add(lease.instance.id)
    lease?.release()
  }
  return [...seen].sort()
}

test('the word of the registry and that of traffic, in all combinations', async () => {
  for (const states of combinations()) {
    const well = states.map(({ id }, i) => describe(id, 1000 + i))
    const said = states.map(({ word }, i): Instance => ({ ...well[i]!, ...WORDS[word] }))
    // First all are passing, so that traffic can judge each.
    const source = staticSource(well)
    const caller = createCaller({ source, metrics: new Metrics(), clock: new VirtualClock(), random: seeded(1) })
    for (const { id, isOut } of states) if (isOut) await eject(caller, id)
    source.set(said)
    const shown = JSON.stringify(states)
    const ids = expected(states).map(({ id }) => id)
    assert.deepEqual(await asked(caller), ids, shown)
    const eligible = (await caller.inspect('users')).filter((state) => state.eligible)
    const isIn = (id: string) => states.some((state) => state.id === id && !state.isOut)
    // Of those that are all out nobody "may be chosen": it is said that there is panic.
    assert.deepEqual(
      eligible.map(({ instance: { id } }) => id),
      ids.filter(isIn),
      shown,
    )
    assert.equal(caller.guards('users').panic === true, ids.length > 0 && !ids.some(isIn), shown)
    await caller.close()
  }
})
