/** The bench of balancing runs, in small, so that it does not rot; its verdicts on made-up figures. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PEERS } from '../../bench/balance/peers.ts'
import { type Measured, report } from '../../bench/balance/report.ts'
import { ROOT, run } from '../support/up.ts'

test('each figure that is asked for comes as a line, and each goal with its verdict', async () => {
  const args = ['bench/run.ts', 'balance', '--case', 'p2c,ring-hash', '--peer', 'skein', '--seconds', '0.03', '--json']
  const { stdout, code } = await run(process.execPath, args, ROOT)
  assert.equal(code, 0)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const figures = lines.filter((line) => line['goal'] === undefined)
  const seen = figures.map((line) => [line['case'], line['instances']])
  assert.deepEqual(seen, [...sizes('p2c'), ...sizes('ring-hash')])
  for (const line of figures) assert.ok(Number(line['ns_per_pick']) > 0 && Number(line['ms_per_change']) >= 0)
  const goals = lines.filter((line) => line['goal'] !== undefined)
  assert.deepEqual(new Set(goals.map((line) => line['case'])), new Set(['p2c', 'ring-hash']))
  for (const { verdict } of goals) assert.match(String(verdict), /^(reached|LOST)$/)
})

const sizes = (policy: string) => [10, 1000, 10_000].map((size) => [policy, size])

test('what is lost is said, to a goal or to a peer, and so is a peer that is absent', () => {
  const [rival, absent] = PEERS.filter(({ policy }) => policy === 'round-robin')
  const measured = (entry: Measured['entry'], pickNs: number, bytes = 0): Measured => ({
    entry,
    bySize: [10, 1000].map((size) => ({ size, figures: { pickNs, bytes, changeMs: 2 } })),
  })
  const own = { ...rival!, peer: 'skein' }
  const all = [measured(own, 250, 8), measured(rival!, 300), { entry: absent!, missing: 'not here', bySize: [] }]
  const text = report('round-robin', all, false).join('\n')
  assert.match(text, /ns at 10 ≤ 200: 250 LOST/)
  assert.match(text, /bytes of the heap ≤ 0: 8\.00 LOST/)
  assert.match(text, /ms for a change at 1000 ≤ 5: 2\.00 reached/)
  assert.match(text, /ns at 1000 ÷ @grpc\/grpc-js ≤ 1: 0\.833 reached/)
  assert.match(text, /not here/)
})
