/** SKEIN_ZONE and nothing else: instances say where they are, and a gateway prefers those of its own zone. Real processes. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { FaultContext } from '../faults/harness/contract.ts'
import { get, startStage } from '../faults/harness/stage.ts'

const CALLS = 60

test('a gateway with a zone calls the instances of its zone', { timeout: 60_000 }, async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'zone-'))
  t.after(() => rm(dir, { recursive: true }))
  const context = { dir, after: (end) => t.after(end) } as FaultContext
  const stage = await startStage(context, {
    instances: 6,
    env: (number) => ({ SKEIN_ZONE: number <= 3 ? 'a' : 'b', ECHO_MS: '0' }),
    gatewayEnv: { SKEIN_ZONE: 'b' },
    eligible: 3,
  })
  const answers = await Promise.all(Array.from({ length: CALLS }, () => get(`${stage.url}/echo`)))
  const from = new Set(answers.map(({ text }) => (JSON.parse(text) as { from: string }).from))
  assert.deepEqual([...from].sort(), ['echo-4', 'echo-5', 'echo-6'])
  const { candidates } = JSON.parse((await get(`${stage.admin}/explain?path=/echo`)).text) as {
    candidates: { instance: { id: string }; reason?: string }[]
  }
  const outside = candidates.filter(({ reason }) => reason === 'outside zone b').map(({ instance }) => instance.id)
  assert.deepEqual(outside, ['echo-1', 'echo-2', 'echo-3'])
})
